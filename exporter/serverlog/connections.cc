#include "exporter/serverlog/connections.h"

#include <utility>

namespace pgtls::serverlog {

ConnectionReader::Begun* ConnectionReader::Find(const Record& record) {
  if (record.doubtful || record.pid == 0) return nullptr;
  const auto found = begun_.find(record.pid);
  if (found == begun_.end() || found->second.session_start_s != record.session_start_s) return nullptr;
  Begun& begun = found->second;
  // Pids are used again.
  const bool too_old = begun.time && record.time && *record.time - *begun.time > kLongestLogin;
  return too_old ? nullptr : &begun;
}

ConnectionReader::Begun& ConnectionReader::Begin(const Record& record) {
  if (Begun* known = Find(record)) return *known;
  while (order_.size() >= kMost) {
    begun_.erase(order_.front());
    order_.pop_front();
  }
  order_.push_back(record.pid);
  return begun_[record.pid] = {
             .time = record.time, .session_start_s = record.session_start_s, .host = record.host, .port = record.port};
}

Connection ConnectionReader::ConnectionOf(const Record& record) {
  Connection connection{.time = record.time,
                        .epoch = record.epoch,
                        .pid = record.pid,
                        .session_start_s = record.session_start_s,
                        .host = record.host,
                        .port = record.port,
                        .user = record.user.value_or(""),
                        .database = record.database.value_or("")};
  const Begun* begun = Find(record);
  if (connection.host.empty() && begun != nullptr) connection.host = begun->host;
  if (!connection.port && begun != nullptr) connection.port = begun->port;
  return connection;
}

void ConnectionReader::Forget() {
  begun_.clear();
  order_.clear();
}

void ConnectionReader::Read(const Record& record, LoggedEvents& events) {
  Message message = ParseMessage(record);
  if (const auto* received = std::get_if<Received>(&message)) {
    if (record.doubtful || record.pid == 0) return;
    begun_.erase(record.pid);
    Begun& begun = Begin(record);
    begun.host = received->host;
    begun.port = received->port;
  } else if (auto* authenticated = std::get_if<Authenticated>(&message)) {
    events.authentications.push_back({ConnectionOf(record), *authenticated});
    if (!record.doubtful && record.pid != 0) Begin(record).rule = std::move(*authenticated);
  } else if (auto* authorized = std::get_if<Authorized>(&message)) {
    LoggedSession session{.connection = authorized->doubtful ? Connection{} : ConnectionOf(record),
                          .application_name = std::move(authorized->application_name),
                          .said = authorized->said,
                          .certain = authorized->certain,
                          .names_certain = authorized->names_certain,
                          .application_certain = authorized->application_certain,
                          .doubtful = authorized->doubtful};
    session.connection.user = std::move(authorized->user);
    session.connection.database = std::move(authorized->database);
    Begun* begun = authorized->doubtful ? nullptr : Find(record);
    if (begun != nullptr) {
      session.rule = std::move(begun->rule);
      begun_.erase(record.pid);
    }
    events.sessions.push_back(std::move(session));
  } else if (auto* rejected = std::get_if<Rejected>(&message)) {
    Connection connection = ConnectionOf(record);
    connection.host = std::move(rejected->host);
    connection.user = std::move(rejected->user);
    connection.database = std::move(rejected->database);
    events.rejections.push_back({std::move(connection), rejected->encryption, rejected->no_entry});
  } else if (const auto* failed = std::get_if<HandshakeFailed>(&message)) {
    events.handshake_failures.push_back({ConnectionOf(record), failed->reason});
  }
}

}  // namespace pgtls::serverlog
