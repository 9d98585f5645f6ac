// What policy.require demands of a TLS session, and whether it has it.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "exporter/config/config.h"
#include "exporter/sessions/session.h"

namespace pgtls::sessions {

inline constexpr std::array<std::string_view, 3> kViolationReasons = {"version", "cipher", "client_issuer"};

struct Violations {
  std::array<bool, kViolationReasons.size()> reasons{};
  // What is not known, and so neither met nor violated.
  bool not_shown = false;   // the server does not show what an entry is about
  bool issuer_cut = false;  // it shows the first bytes of the issuer's name, and an entry begins with them

  bool any() const { return reasons[0] || reasons[1] || reasons[2]; }
};

// Every entry that selects the session has to be met. `shows_certificates`: the server shows client certificates at
// all. REQUIRES: the session uses TLS.
Violations ViolationsOf(const Session& session, const Origin& origin, std::span<const config::Requirement> entries,
                        bool shows_certificates);

}  // namespace pgtls::sessions
