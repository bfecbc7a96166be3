curl "https://api.reachbell.com/campaigns/project/proj_01HX2...?status=sent&pageSize=20" \
-H "x-api-key: rb_live_yourkey"
