// The files that a server reads at its next start, as far as its own functions show them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "exporter/files/start_answers.h"
#include "exporter/files/start_files.h"

namespace pgtls::files {

// A row of tls_exporter.certificate_files().
struct ServerFileRow {
  std::string role;
  std::string path;
  std::string problem;
  std::string bytes;   // its blocks of certificates and lists
  bool whole = false;  // is that all that OpenSSL sees in the file?
};

// `key`: of tls_exporter.private_key_file(), absent where the role may not ask it. Throws std::system_error.
StartJudgement JudgeStartOf(const StartAnswers& answers, const std::vector<ServerFileRow>& rows,
                            const std::optional<ServerFileRow>& key, int server_version);

}  // namespace pgtls::files
