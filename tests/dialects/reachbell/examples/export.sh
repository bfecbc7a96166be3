curl "https://api.reachbell.com/campaigns/export/project/proj_01HX2....csv?from=2026-01-01&to=2026-06-30" \
-H "x-api-key: rb_live_yourkey" \
-o campaigns.csv
