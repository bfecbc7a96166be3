curl -X PATCH https://api.reachbell.com/campaigns/cmp_01HX5... \
-H "x-api-key: rb_live_yourkey" \
-H "Content-Type: application/json" \
-d '{ "content": { "title": "Spring sale — last chance" } }'
