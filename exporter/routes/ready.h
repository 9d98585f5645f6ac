// The small pages.
#pragma once

#include <string>

#include "exporter/http/message.h"

namespace pgtls::routes {

// 200 when every server was tried once, 503 before.
http::Response ReadyPage(bool ready);
// 200, or 503 with what is stuck.
http::Response HealthyPage(const std::string& problem);

}  // namespace pgtls::routes
