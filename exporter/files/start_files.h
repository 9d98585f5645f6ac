// The files that a server reads at its next start, found on this machine and judged as it will judge them.
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
  // role to whether the server may read that file, where that is known
  std::map<std::string, bool> server_may_read;
  bool no_hosts = false;  // pg_hosts.conf has no entry, as far as that was read
};

// REQUIRES: place.problem() is empty. Blocks.
StartJudgement JudgeStartHere(const StartAnswers& answers, const ServerPlace& place, int server_version);

// The settings of `answers` as the question to OpenSSL, without the files.
tls::StartInput StartInputOf(const StartAnswers& answers, int server_version);

}  // namespace pgtls::files
