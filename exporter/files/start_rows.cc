#include "exporter/files/start_rows.h"

#include <algorithm>

namespace pgtls::files {
namespace {

using tls::StartFile;

StartFile Unknown(std::string path, std::string why) {
  return {.path = std::move(path), .problems = {}, .bytes = {}, .unknown = std::move(why)};
}

StartFile FileOf(const StartAnswers& answers, const std::vector<ServerFileRow>& rows, std::string_view role,
                 std::string_view setting) {
  if (!answers.next.contains(setting)) return Unknown("", "setting_not_visible");
  if (Setting(answers.next, setting).empty()) return {.path = "", .problems = {"missing"}, .bytes = {}, .unknown = {}};
  const std::string path = AbsolutePath(answers.next, setting);
  const auto row =
      std::ranges::find_if(rows, [&](const ServerFileRow& one) { return one.role == role && one.path == path; });
  // The function reads what the settings name now.
  if (row == rows.end()) return Unknown(path, answers.access.certificate_files ? "pending_reload" : "sql");
  if (row->problem == "missing" || row->problem == "permission_denied") {
    return {.path = path, .problems = {row->problem}, .bytes = {}, .unknown = {}};
  }
  if (!row->problem.empty()) return Unknown(path, row->problem);
  if (!row->whole) return Unknown(path, "contents");
  return {.path = path, .problems = {}, .bytes = row->bytes, .unknown = {}};
}

StartFile KeyOf(const StartAnswers& answers, const std::optional<ServerFileRow>& key, StartJudgement& judgement) {
  if (!answers.next.contains("ssl_key_file")) return Unknown("", "setting_not_visible");
  const std::string path = AbsolutePath(answers.next, "ssl_key_file");
  if (Setting(answers.next, "ssl_key_file").empty()) {
    return {.path = "", .problems = {"missing"}, .bytes = {}, .unknown = {}};
  }
  if (!key || key->path != path) return Unknown(path, key ? "pending_reload" : "sql");
  // The server itself has tried.
  const bool readable = key->problem.empty() || key->problem == "malformed";
  if (readable || key->problem == "missing" || key->problem == "permission_denied") {
    judgement.key = tls::KeyReport{path, {}, {}, {}, readable};
  }
  if (key->problem.empty()) return Unknown(path, "sql");
  if (key->problem == "unreadable") return Unknown(path, "unreadable");
  return {.path = path, .problems = {key->problem}, .bytes = {}, .unknown = {}};
}

}  // namespace

StartJudgement JudgeStartOf(const StartAnswers& answers, const std::vector<ServerFileRow>& rows,
                            const std::optional<ServerFileRow>& key, int server_version) {
  StartJudgement judgement;
  tls::StartInput input = StartInputOf(answers, server_version);
  input.certificate = FileOf(answers, rows, "server", "ssl_cert_file");
  input.key = KeyOf(answers, key, judgement);
  input.ca = FileOf(answers, rows, "ca", "ssl_ca_file");
  input.crl = FileOf(answers, rows, "crl", "ssl_crl_file");
  if (!answers.next.contains("ssl_dh_params_file")) {
    input.dh_params = Unknown("", "setting_not_visible");
  } else if (!Setting(answers.next, "ssl_dh_params_file").empty()) {
    input.dh_params = Unknown(Setting(answers.next, "ssl_dh_params_file"), "sql");
  }
  judgement.verdict = JudgeNextStart(input);
  return judgement;
}

}  // namespace pgtls::files
