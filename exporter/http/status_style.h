// The one style sheet of the pages for people.
#pragma once

#include <string>

#include "exporter/http/html.h"

namespace pgtls::http {

Markup StyleSheet();

// "'sha256-…'": the one inline style that a Content-Security-Policy has to allow for these pages.
const std::string& StyleHash();

}  // namespace pgtls::http
