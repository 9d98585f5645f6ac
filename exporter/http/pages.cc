#include "exporter/http/pages.h"

namespace pgtls::http {

Response ReadyPage(bool ready) {
  Response response;
  response.status = ready ? 200 : 503;
  response.body = ready ? "Ready\n" : "Not every server was tried yet\n";
  return response;
}

}  // namespace pgtls::http
