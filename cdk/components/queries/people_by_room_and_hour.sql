-- People in each room, hour by hour, over the last seven days: mean of the estimates, and the peak.
SELECT site_id,
       room_id,
       date_trunc('hour', from_iso8601_timestamp(observed_at)) AS hour,
       round(avg(people_estimate), 1) AS people_mean,
       max(people_estimate) AS people_peak,
       count(*) AS changes
FROM (
    -- Delivery is at least once: a repeated event has the same id.
    SELECT DISTINCT id, site_id, room_id, observed_at, people_estimate
    FROM room_occupancy
    WHERE day >= date_format(current_date - INTERVAL '7' DAY, '%Y-%m-%d')
) AS changes
GROUP BY site_id, room_id, date_trunc('hour', from_iso8601_timestamp(observed_at))
ORDER BY site_id, room_id, hour
