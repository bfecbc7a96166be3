curl "https://api.reachbell.com/campaigns/cmp_01HX5.../stream?token=eyJ...&orgId=org_01HX1..." \
-H "Accept: text/event-stream"
