// `?server=NAME`, the same for every page.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/http/message.h"
#include "exporter/sampling/result.h"

namespace pgtls::exposition {

// A parameter's values, each once.
std::set<std::string> Values(const http::Request& request, std::string_view parameter);

// 404, and the name: a page that silently shows nothing reads as an all-clear.
http::Response UnknownName(const std::string& what, const std::string& name);

// Leaves of `servers` those that the request names, all where it names none. The answer instead, where it names one
// that there is not.
std::optional<http::Response> NarrowToServers(const http::Request& request, sampling::Snapshots& servers);

}  // namespace pgtls::exposition
