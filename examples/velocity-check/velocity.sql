SELECT userIdentifier, window_start AS windowStart, window_end AS windowEnd, COUNT(*) AS paymentAttempts,
       CASE WHEN COUNT(*) >= 10 THEN 'BLOCK' WHEN COUNT(*) >= 5 THEN 'REVIEW' ELSE 'PASS' END AS decision
FROM TABLE(TUMBLE(TABLE transactions, DESCRIPTOR(createdAt), INTERVAL '10' SECOND))
WHERE state <> 'REFUSED'
GROUP BY userIdentifier, window_start, window_end
