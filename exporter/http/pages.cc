#include "exporter/http/pages.h"

#include <fmt/format.h>

namespace pgtls::http {

Response ReadyPage(bool ready) {
  Response response;
  response.status = ready ? 200 : 503;
  response.body = ready ? "Ready\n" : "Not every server was tried yet\n";
  return response;
}

Response LandingPage(const std::string& telemetry_path) {
  Response response;
  response.content_type = "text/html; charset=utf-8";
  response.body = fmt::format(
      "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>pg_tls_exporter</title></head>"
      "<body><h1>pg_tls_exporter</h1><p>Watches how connections to PostgreSQL are encrypted.</p>"
      "<p><a href=\"{}\">Metrics</a></p></body></html>\n",
      telemetry_path);
  return response;
}

}  // namespace pgtls::http
