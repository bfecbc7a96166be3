curl -X POST https://api.reachbell.com/campaigns/cmp_01HX5.../send \
-H "x-api-key: rb_live_yourkey" \
-H "Content-Type: application/json" \
-d '{ "segment": { "filters": { "tags": ["did-not-open"] } } }'
