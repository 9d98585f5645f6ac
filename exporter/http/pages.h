// The small pages.
#pragma once

#include "exporter/http/message.h"

namespace pgtls::http {

// 200 when every server was tried once, 503 before.
Response ReadyPage(bool ready);

}  // namespace pgtls::http
