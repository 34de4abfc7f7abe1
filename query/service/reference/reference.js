// Draws /openapi.json with Swagger UI. Without a validator: it would send the description to another host.

SwaggerUIBundle({ url: "/openapi.json", dom_id: "#operations", deepLinking: true, validatorUrl: null });
