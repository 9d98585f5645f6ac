// The certificates around many servers, the soonest end first.
#pragma once

#include <cstddef>
#include <vector>

#include "exporter/http/server_facts.h"
#include "exporter/http/status_view.h"

namespace pgtls::http {

// A certificate that is served and in files, or in several files of a server, is one row. What has no readable end
// comes first. `servers` must outlive nothing.
Listed<CertificateRow> CertificateRows(const std::vector<ServerFacts>& servers, std::size_t limit);

}  // namespace pgtls::http
