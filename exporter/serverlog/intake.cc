#include "exporter/serverlog/intake.h"

#include <algorithm>
#include <utility>

#include "exporter/serverlog/csv_format.h"
#include "exporter/serverlog/json_format.h"
#include "exporter/serverlog/split.h"
#include "exporter/serverlog/verdict.h"

namespace pgtls::serverlog {
namespace {

std::optional<ServerTime> TimeOf(std::optional<LogTime> time, std::optional<ServerTime> epoch,
                                 const Knowledge& knowledge) {
  if (epoch) return epoch;
  if (!time) return std::nullopt;
  return ServerTime(time->time_since_epoch()) - knowledge.utc_offset;
}

std::optional<ServerTime> TimeOf(const Connection& connection, const Knowledge& knowledge) {
  return TimeOf(connection.time, connection.epoch, knowledge);
}

// Now, if it is not known when it happened.
CountLimits LimitsAt(std::optional<ServerTime> at, const Knowledge& knowledge) {
  CountLimits limits = knowledge.limits;
  const auto age = at ? std::max(ServerTime::duration(0), knowledge.now - *at) : ServerTime::duration(0);
  limits.at = limits.now - age;
  return limits;
}

}  // namespace

std::optional<Record> Intake::Parse(Format format, std::string_view raw, const Knowledge& knowledge) {
  if (format == Format::kStderr) {
    StderrRecord read = ParseStderr(raw, knowledge.prefix);
    if (read.ambiguous) ambiguous_ = knowledge.limits.now;
    return std::move(read.record);
  }
  auto record = format == Format::kJson ? ParseJson(raw) : ParseCsv(raw);
  if (!record) malformed_ = knowledge.limits.now;
  return record;
}

void Intake::Take(Format format, std::string_view records, const Knowledge& knowledge) {
  LoggedEvents events;
  const Split split = SplitRecords(format, records, Inside::kNothing, true);
  for (const std::string_view raw : split.records) {
    const auto record = Parse(format, raw, knowledge);
    if (!record) continue;
    if (const auto time = TimeOf(record->time, record->epoch, knowledge)) {
      last_record_ = std::max(last_record_.value_or(*time), *time);
    }
    reader_.Read(*record, events);
  }
  Count(events, knowledge);
}

void Intake::Count(const LoggedEvents& events, const Knowledge& knowledge) {
  const auto own = [&](const Connection& connection) {
    return knowledge.is_own(connection, TimeOf(connection, knowledge));
  };
  for (const LoggedSession& session : events.sessions) {
    if (own(session.connection)) continue;
    if (session.connection.host.empty() && !session.doubtful) {
      without_address_ = knowledge.limits.now;
    } else {
      CountSession(session, knowledge);
    }
  }
  for (const LoggedAuthentication& authentication : events.authentications) {
    if (!own(authentication.connection)) CountAuthentication(authentication, knowledge.limits, counts_);
  }
  for (const LoggedRejection& rejection : events.rejections) {
    if (!own(rejection.connection)) CountRejection(rejection, knowledge.limits, counts_);
  }
  for (const LoggedHandshakeFailure& failure : events.handshake_failures) {
    if (!own(failure.connection)) ++counts_.handshake_failures[failure.reason];
  }
}

void Intake::CountSession(const LoggedSession& session, const Knowledge& knowledge) {
  Waiting waiting{.session = session,
                  .at = TimeOf(session.connection, knowledge),
                  .rule = {},
                  .counted = false,
                  .until = knowledge.limits.now + kWait};
  if (session.rule) waiting.rule = knowledge.by_rule(*session.rule, waiting.at);
  const auto sampled = knowledge.by_sample(session.connection, waiting.at);
  const Verdict verdict = Judge(session, {waiting.rule, sampled});
  const bool final = sampled || verdict.contradicted || waiting_.size() >= kMostWaiting;
  if (final || verdict.encryption) Finish(waiting, verdict, knowledge);
  if (final) return;
  waiting.counted = verdict.encryption.has_value();
  waiting_.push_back(std::move(waiting));
}

void Intake::Finish(const Waiting& waiting, const Verdict& verdict, const Knowledge& knowledge) {
  if (!waiting.counted)
    serverlog::CountSession(waiting.session, verdict.encryption, knowledge.exemptions, LimitsAt(waiting.at, knowledge),
                            counts_);
  if (verdict.contradicted) ++counts_.contradictions;
}

void Intake::CheckSamples(const Knowledge& knowledge) {
  std::erase_if(waiting_, [&](const Waiting& waiting) {
    const auto sampled = knowledge.by_sample(waiting.session.connection, waiting.at);
    if (!sampled && knowledge.limits.now < waiting.until) return false;
    Finish(waiting, Judge(waiting.session, {waiting.rule, sampled}), knowledge);
    return true;
  });
}

void Intake::CountGap(SteadyTime now) {
  ++counts_.gaps;
  gap_ = now;
  reader_.Forget();
}

}  // namespace pgtls::serverlog
