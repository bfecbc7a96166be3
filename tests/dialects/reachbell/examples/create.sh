curl -X POST https://api.reachbell.com/campaigns \
-H "x-api-key: rb_live_yourkey" \
-H "Content-Type: application/json" \
-d '{
"name": "Spring sale launch",
"projectId": "proj_01HX2...",
"content": {
"title": "Spring sale is live",
"body": "30% off everything until Sunday.",
"iconUrl": "https://cdn.example.com/icon-192.png",
"clickUrl": "https://example.com/sale"
},
"segment": { "filters": { "country": ["US"] } },
"schedule": { "mode": "immediate" },
"utm": { "source": "reachbell", "medium": "push", "campaign": "spring-sale" }
}'
