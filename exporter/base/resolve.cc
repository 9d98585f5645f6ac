#include "exporter/base/resolve.h"

#include <fmt/format.h>
#include <netdb.h>

#include <cstring>
#include <memory>

#include "exporter/base/error.h"
#include "exporter/base/text.h"

namespace pgtls {

std::vector<asio::ip::tcp::endpoint> Resolve(const std::string& host, const std::string& port, bool numeric) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  if (numeric) hints.ai_flags = AI_NUMERICHOST;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), port.empty() ? nullptr : port.c_str(), &hints, &found);
  if (error != 0) {
    throw Error(FailureReason::kConnection, fmt::format("cannot resolve {}: {}", Printable(host), gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  std::vector<asio::ip::tcp::endpoint> endpoints;
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    asio::ip::tcp::endpoint endpoint;
    if (info->ai_addrlen > endpoint.capacity()) continue;
    endpoint.resize(info->ai_addrlen);
    std::memcpy(endpoint.data(), info->ai_addr, info->ai_addrlen);
    endpoints.push_back(endpoint);
  }
  return endpoints;
}

}  // namespace pgtls
