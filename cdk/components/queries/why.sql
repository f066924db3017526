-- Why each command of the last day: the frame, the model, the estimate, the policy, the answer.
WITH commands AS (
    SELECT correlation_id, site_id, room_id, device_group, level, relinquish, reason,
           policy_version, idempotency_key, min(requested_at) AS requested_at, max(attempt) AS attempts
    FROM bms_commands
    WHERE day >= date_format(current_date - INTERVAL '1' DAY, '%Y-%m-%d')
    GROUP BY correlation_id, site_id, room_id, device_group, level, relinquish, reason,
             policy_version, idempotency_key
),
occupancy AS (
    SELECT correlation_id, site_id, room_id, max(state) AS state,
           max(people_estimate) AS people_estimate, max(evidence) AS evidence
    FROM room_occupancy
    WHERE day >= date_format(current_date - INTERVAL '1' DAY, '%Y-%m-%d')
    GROUP BY correlation_id, site_id, room_id
),
frames AS (
    SELECT correlation_id, max(camera_id) AS camera_id, max(fragment_number) AS fragment_number,
           max(captured_at) AS captured_at, max(cardinality(faces)) AS faces,
           max(model.version) AS model_version, max(model.sha256) AS model_sha256
    FROM frames_counted
    WHERE day >= date_format(current_date - INTERVAL '1' DAY, '%Y-%m-%d')
    GROUP BY correlation_id
),
acknowledgements AS (
    SELECT idempotency_key, min(acknowledged_at) AS acknowledged_at
    FROM bms_acknowledgements
    WHERE day >= date_format(current_date - INTERVAL '1' DAY, '%Y-%m-%d')
    GROUP BY idempotency_key
)
SELECT commands.requested_at, commands.site_id, commands.room_id, commands.device_group,
       commands.level, commands.relinquish, commands.reason, commands.policy_version, commands.attempts,
       occupancy.state, occupancy.people_estimate, occupancy.evidence,
       frames.camera_id, frames.fragment_number, frames.captured_at, frames.faces,
       frames.model_version, frames.model_sha256,
       acknowledgements.acknowledged_at
FROM commands
LEFT JOIN occupancy
    ON occupancy.correlation_id = commands.correlation_id
    AND occupancy.site_id = commands.site_id
    AND occupancy.room_id = commands.room_id
LEFT JOIN frames ON frames.correlation_id = commands.correlation_id
LEFT JOIN acknowledgements ON acknowledgements.idempotency_key = commands.idempotency_key
ORDER BY commands.requested_at
