// The pages for people.
#pragma once

#include <string>

#include "exporter/http/message.h"

namespace pgtls::http {

// 200 when every server was tried once, 503 before.
Response ReadyPage(bool ready);

Response LandingPage(const std::string& telemetry_path);

}  // namespace pgtls::http
