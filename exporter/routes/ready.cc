#include "exporter/routes/ready.h"

namespace pgtls::routes {

http::Response ReadyPage(bool ready) {
  http::Response response;
  response.status = ready ? 200 : 503;
  response.body = ready ? "Ready\n" : "Not every server has been tried yet\n";
  return response;
}

http::Response HealthyPage(const std::string& problem) {
  http::Response response = http::PlainResponse(200);
  if (problem.empty()) return response;
  response.status = 503;
  response.body = problem + "\n";
  return response;
}

}  // namespace pgtls::routes
