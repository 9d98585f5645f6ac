#include "exporter/tls/negotiation.h"

#include <cstdint>

namespace pgtls::tls {
namespace {

constexpr std::uint32_t kSslCode = 80877103;
constexpr std::uint32_t kGssCode = 80877104;
constexpr std::uint32_t kProtocol3 = 3 << 16;

std::string Int32(std::uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
          static_cast<char>(value)};
}

std::uint32_t ReadInt32(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char c : bytes.substr(0, 4)) value = value << 8 | static_cast<std::uint8_t>(c);
  return value;
}

Answer AnswerFor(std::optional<char> byte, char yes) {
  if (byte == yes) return Answer::kYes;
  if (byte == 'N') return Answer::kNo;
  if (byte == 'E') return Answer::kError;
  return Answer::kNone;
}

// The names in an AuthenticationSASL: each ends with a null byte, the list with an empty one.
std::vector<std::string> Mechanisms(std::string_view names) {
  std::vector<std::string> found;
  while (!names.empty() && names.front() != '\0') {
    const std::size_t end = names.find('\0');
    if (end == std::string_view::npos) break;
    found.emplace_back(names.substr(0, end));
    names.remove_prefix(end + 1);
  }
  return found;
}

// A field of an ErrorResponse: type byte, text, null byte, until a null type byte. Empty if it is missing.
std::string_view ErrorField(std::string_view body, char type) {
  while (!body.empty() && body.front() != '\0') {
    const std::size_t end = body.find('\0', 1);
    if (end == std::string_view::npos) break;
    if (body.front() == type) return body.substr(1, end - 1);
    body.remove_prefix(end + 1);
  }
  return {};
}

}  // namespace

std::string SslRequest() { return Int32(8) + Int32(kSslCode); }
std::string GssEncRequest() { return Int32(8) + Int32(kGssCode); }

Answer SslAnswer(std::optional<char> byte) { return AnswerFor(byte, 'S'); }
Answer GssAnswer(std::optional<char> byte) { return AnswerFor(byte, 'G'); }

std::string StartupMessage(std::string_view user, std::string_view database) {
  std::string body = Int32(kProtocol3);
  const auto add = [&](std::string_view name, std::string_view value) {
    body.append(name).push_back('\0');
    body.append(value).push_back('\0');
  };
  add("user", user);
  add("database", database);
  add("application_name", "pg_tls_exporter");
  body.push_back('\0');
  return Int32(static_cast<std::uint32_t>(body.size() + 4)) + body;
}

std::string Terminate() { return "X" + Int32(4); }

StartupReader::State StartupReader::Feed(std::string_view bytes) {
  buffer_ += bytes;
  std::string_view rest = buffer_;
  while (rest.size() >= 5 && (state_ == State::kReading || state_ == State::kLoggedIn)) {
    const std::uint32_t length = ReadInt32(rest.substr(1));
    if (length < 4 || length > kMaxMessage) {
      Finish(Admission::kLost);
      break;
    }
    if (rest.size() < length + 1) break;
    Message(rest.front(), rest.substr(5, length - 4));
    rest.remove_prefix(length + 1);
  }
  buffer_ = std::string(rest);
  return state_;
}

StartupReader::State StartupReader::End() {
  if (state_ == State::kReading || state_ == State::kLoggedIn) Finish(Admission::kLost);
  return state_;
}

void StartupReader::Message(char type, std::string_view body) {
  switch (type) {
    case 'R':
      if (body.size() < 4) return Finish(Admission::kLost);
      admission_ = Admission::kAdmitted;
      request_ = ReadInt32(body);
      if (request_ == kSaslRequest) mechanisms_ = Mechanisms(body.substr(4));
      // Any other number asks for a password, a GSS token …: never answered.
      state_ = request_ == 0U ? State::kLoggedIn : State::kDone;
      return;
    case 'E': {
      const std::string_view sqlstate = ErrorField(body, 'C');
      const std::string_view routine = ErrorField(body, 'R');
      if (sqlstate == "28000" && routine == "ClientAuthentication") return Finish(Admission::kRefused);
      if (sqlstate == "28000" && routine == "auth_failed") return Finish(Admission::kAuthFailed);
      // PgBouncer's, which names no routine and translates nothing: client_tls_sslmode requires TLS.
      if (sqlstate == "08P01" && routine.empty() && ErrorField(body, 'M') == "SSL required")
        return Finish(Admission::kRefused);
      return Finish(Admission::kError);
    }
    case 'K':
      if (body.size() >= 4) backend_pid_ = static_cast<int>(ReadInt32(body));
      return;
    case 'Z':
      if (state_ != State::kLoggedIn) return Finish(Admission::kLost);
      state_ = State::kReady;
      return;
    case 'N':  // NoticeResponse
    case 'v':  // NegotiateProtocolVersion
    case 'S':  // ParameterStatus
      return;
    default:
      return Finish(Admission::kLost);
  }
}

void StartupReader::Finish(Admission admission) {
  // What was proved stays proved: an error after AuthenticationOk (no such role, no such database) comes from behind
  // pg_hba.
  if (state_ == State::kReading) admission_ = admission;
  state_ = State::kDone;
}

}  // namespace pgtls::tls
