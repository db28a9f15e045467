// @ts-check
// The API's documentation: Swagger UI over this service's own OpenAPI document. Nothing is asked of another server.

/** @type {(options: Record<string, unknown>) => void} */
const show = /** @type {any} */ (window).SwaggerUIBundle;
show({
  url: "/api/v1/openapi.json", dom_id: "#api", deepLinking: true, validatorUrl: null, filter: true,
  docExpansion: "list", defaultModelsExpandDepth: 0, displayRequestDuration: true, tryItOutEnabled: false,
});
