// Published guidelines, as far as they are about encryption and authentication in transit: which findings decide each
// of their controls.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/audit/known_facts.h"

namespace pgtls::report {

struct Control {
  std::string_view id;      // the guideline's own
  std::string_view title;   // what is asked, in this program's words
  std::string_view source;  // how the evidence is obtained: SQL, wire, file, log
  // Ids of findings. A critical one or a warning among `fails` fails the control, and any one among `notes` that is not
  // fine. It passes with all of `passes`.
  std::vector<std::string_view> fails;
  std::vector<std::string_view> notes = {};
  std::vector<std::string_view> passes = {};
  std::vector<std::string_view> pooler_passes = {};  // of a PgBouncer; empty: the control is about PostgreSQL alone
  // What else it asks, which this program cannot look at: it never passes then. Empty: nothing.
  std::string_view outside = {};
  // Why it does not concern this server; null: it concerns every server.
  std::optional<std::string> (*not_applicable)(const audit::KnownFacts& facts) = nullptr;
};

struct Profile {
  std::string_view name;   // of --profile
  std::string_view title;  // the guideline
  std::string_view short_title;
  std::vector<Control> controls;  // in the guideline's order
};

// Whether a collector saw all that it looks at: absence is proven only then.
bool IsWhole(const audit::KnownFacts& facts, std::string_view collector);

std::span<const Profile> Profiles();
// REQUIRES: a profile has this name.
const Profile& ProfileOf(std::string_view name);
// The names, as the command line takes them.
std::vector<std::string> ProfileNames();

// The controls that a finding answers, for example "CIS 6.8".
std::vector<std::string> ControlsOf(std::string_view finding_id);

}  // namespace pgtls::report
