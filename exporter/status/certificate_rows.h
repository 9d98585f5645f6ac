// The certificates around many servers, the soonest end first.
#pragma once

#include <cstddef>
#include <vector>

#include "exporter/status/server_facts.h"
#include "exporter/status/view.h"

namespace pgtls::status {

// A certificate that is served and in files, or in several files of a server, is one row. What has no readable end
// comes first. `servers` is not retained after the call.
BoundedList<CertificateRow> CertificateRows(const std::vector<ServerFacts>& servers, std::size_t limit);

}  // namespace pgtls::status
