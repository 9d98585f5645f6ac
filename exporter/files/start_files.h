// The files that a server reads at its next start: finds them on this machine and judges them as the server will.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "exporter/files/server_place.h"
#include "exporter/files/start_answers.h"
#include "exporter/tls/inventory.h"

namespace pgtls::files {

struct StartJudgement {
  tls::NextStart verdict;
  std::optional<tls::KeyReport> key;
  // By role: whether the server may read that file; without files for which this is not known.
  std::map<std::string, bool> server_may_read;
  bool no_hosts = false;  // pg_hosts.conf has no entry, as far as that was read
};

// REQUIRES: place.problem() is empty. Blocks.
StartJudgement JudgeStartHere(const StartAnswers& answers, const ServerPlace& place, int server_version);

// The settings of `answers` as the question to OpenSSL, without the files.
tls::StartInput StartInputOf(const StartAnswers& answers, int server_version);

}  // namespace pgtls::files
