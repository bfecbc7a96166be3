curl https://api.reachbell.com/campaigns/cmp_01HX5... \
-H "x-api-key: rb_live_yourkey"
