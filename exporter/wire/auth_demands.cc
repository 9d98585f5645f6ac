#include "exporter/wire/auth_demands.h"

#include <string_view>

#include "exporter/base/text.h"

namespace pgtls::wire {
namespace {

using tls::Start;

std::string_view MethodOf(std::uint32_t request) {
  switch (request) {
    case 0:
      return "none";
    case 3:
      return "password";
    case 5:
      return "md5";
    case 7:
      return "gss";
    case 9:
      return "sspi";
    case tls::kSaslRequest:
      return "scram-sha-256";
    default:
      return "";
  }
}

// pqConnectOptions2 and check_expected_areq (fe-connect.c, fe-auth.c): a list of the accepted methods or, if each
// has an exclamation mark, of the refused ones. nullopt: the request does not name its method.
std::optional<bool> Accepts(const std::string& require_auth, std::uint32_t request) {
  const bool negated = require_auth.starts_with('!');
  bool listed = false;
  for (std::string_view method : SplitList(require_auth, ',')) {
    if (negated) method.remove_prefix(1);
    if (request == tls::kSaslRequest && method == "oauth") return std::nullopt;
    listed = listed || method == MethodOf(request);
  }
  return listed != negated;
}

}  // namespace

Start WithDemands(const AuthDemands& demands, Start start, std::optional<std::uint32_t> request,
                  bool certificate_sent) {
  if (start != Start::kAdmitted || !request) return start;
  if (demands.certificate && !certificate_sent) return Start::kCutOff;
  if (demands.require_auth.empty()) return start;
  const std::optional<bool> accepted = Accepts(demands.require_auth, *request);
  if (!accepted) return Start::kUnknown;
  return *accepted ? start : Start::kCutOff;
}

}  // namespace pgtls::wire
