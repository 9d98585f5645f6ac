// The files that a server reads at its next start, as far as its SQL functions show them.
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
  std::string bytes;                             // its blocks of certificates and lists
  bool whole = false;                            // whether this is everything that OpenSSL reads in the file
  std::optional<double> changed = std::nullopt;  // as LoadedFile has it
};

// `key`: of tls_exporter.private_key_file(), absent if the role may not call it. Throws std::system_error.
StartJudgement JudgeStartOf(const StartAnswers& answers, const std::vector<ServerFileRow>& rows,
                            const std::optional<ServerFileRow>& key, int server_version);

}  // namespace pgtls::files
