// Which of a server's log files are followed, and how they are read.
#pragma once

#include <asio/awaitable.hpp>
#include <memory>
#include <string>

#include "collectors/log.h"
#include "exporter/postgres/log.h"
#include "exporter/sampling/collector.h"
#include "exporter/serverlog/follow.h"

namespace pgtls::collectors {

struct LogSource {
  std::unique_ptr<serverlog::Source> source;  // null: there is none, and `output` says why
  std::string identity;                       // changes where positions in one log mean nothing in the other
  bool is_plain = false;                      // whether its records have no fields but those of log_line_prefix
};

asio::awaitable<LogSource> ChooseLogSource(sampling::Context& context, const LogOptions& options,
                                           const postgres::LogSettings& settings, sampling::Output& output);

}  // namespace pgtls::collectors
