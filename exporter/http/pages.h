// The small pages.
#pragma once

#include <string>

#include "exporter/http/message.h"

namespace pgtls::http {

// 200 when every server was tried once, 503 before.
Response ReadyPage(bool ready);
// 200, or 503 with what stands still.
Response HealthyPage(const std::string& problem);

}  // namespace pgtls::http
