#include "exporter/base/error.h"

namespace pgtls {

std::string_view ToString(FailureReason reason) {
  switch (reason) {
    case FailureReason::kInsufficientPrivilege:
      return "insufficient_privilege";
    case FailureReason::kAuthentication:
      return "authentication";
    case FailureReason::kTls:
      return "tls";
    case FailureReason::kTimeout:
      return "timeout";
    case FailureReason::kConnection:
      return "connection";
    case FailureReason::kError:
      return "error";
  }
  return "error";
}

}  // namespace pgtls
