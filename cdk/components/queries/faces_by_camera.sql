-- Frames and the median of faces for each camera of each room, over the last seven days.
SELECT site_id,
       room_id,
       camera_id,
       count(*) AS frames_sampled,
       approx_percentile(cardinality(faces), 0.5) AS faces_median
FROM (
    SELECT id, site_id, room_id, camera_id, faces,
           row_number() OVER (PARTITION BY id ORDER BY persisted_at) AS delivery
    FROM frames_counted
    WHERE day >= date_format(current_date - INTERVAL '7' DAY, '%Y-%m-%d')
) AS frames
WHERE delivery = 1
GROUP BY site_id, room_id, camera_id
ORDER BY site_id, room_id, camera_id
