// `?server=NAME`, the same for every page.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/http/message.h"
#include "exporter/sampling/result.h"

namespace pgtls::http {

// A parameter's values, each once.
std::set<std::string> Values(const Request& request, std::string_view parameter);

// 404, and the name: a page that silently shows nothing reads as an all-clear.
Response UnknownName(const std::string& what, const std::string& name);

// Leaves of `servers` those that the request names, all where it names none. The answer instead, where it names one
// that there is not.
std::optional<Response> NarrowToServers(const Request& request, sampling::Snapshots& servers);

}  // namespace pgtls::http
