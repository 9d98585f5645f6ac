#include "exporter/http/pages.h"

namespace pgtls::http {

Response ReadyPage(bool ready) {
  Response response;
  response.status = ready ? 200 : 503;
  response.body = ready ? "Ready\n" : "Not every server was tried yet\n";
  return response;
}

Response HealthyPage(const std::string& problem) {
  Response response = PlainResponse(200);
  if (problem.empty()) return response;
  response.status = 503;
  response.body = problem + "\n";
  return response;
}

}  // namespace pgtls::http
