// What else the exporter knows of a connection in the log: whether it is its own, and how it was encrypted.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "exporter/hba/posture.h"
#include "exporter/postgres/log.h"
#include "exporter/sampling/collector.h"
#include "exporter/serverlog/intake.h"
#include "exporter/sessions/open_backends.h"

namespace pgtls::collectors {

// Of one run: `context` and `settings` must outlive it.
class LogEvidence {
 public:
  // `now`: when `settings` were read, by the exporter's clock.
  LogEvidence(const sampling::Context& context, const postgres::LogSettings& settings, serverlog::SteadyTime now);

  bool IsOwn(const serverlog::Connection& connection, std::optional<serverlog::ServerTime> at) const;
  // Absent also if the rules that were in force when the record was written are not known.
  std::optional<Encryption> ByRule(const serverlog::Authenticated& rule, std::optional<serverlog::ServerTime> at) const;
  std::optional<Encryption> BySample(const serverlog::Connection& connection,
                                     std::optional<serverlog::ServerTime> at) const;

 private:
  const sampling::Context& context_;
  const postgres::LogSettings& settings_;
  serverlog::SteadyTime now_;
  std::shared_ptr<const hba::Posture> posture_;
  std::shared_ptr<const sessions::OpenBackends> open_;
  std::unordered_map<std::int64_t, const sessions::OpenBackend*> by_pid_;
};

}  // namespace pgtls::collectors
