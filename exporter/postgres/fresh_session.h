// A session whose settings must be the server's.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "exporter/db/session.h"

namespace pgtls::postgres {

// pg_conf_load_time(), as the server writes it: when this session last took the configuration over. A session takes a
// reload over before its next query, with the files as they are *then*: later edits read as loaded. So what should be
// the server's view is read on a connection that has seen no reload.
asio::awaitable<std::string> ConfigLoadTime(db::Session& session, Deadline deadline);

// Answers as long as `session` is as it was when it had this ConfigLoadTime(), and throws Error for what it was asked
// when that has changed: asked last in each round trip, the unchanged time vouches for all of them.
//
// A pooler lends backends that were there before. Each vouches for itself: it has the server's view if it has read no
// configuration since it was started. All that answer must have the same load time; an empty one is the first answer's.
class FreshSession : public db::Session {
 public:
  FreshSession(db::Session& session, std::string load_time) : session_(session), load_time_(std::move(load_time)) {}

  asio::awaitable<std::vector<db::Answer>> QueryAll(std::vector<db::Request> requests, Deadline deadline) override;
  int server_version() const override { return session_.server_version(); }
  int backend_pid() const override { return session_.backend_pid(); }
  bool pooled() const override { return session_.pooled(); }

  // The server has reloaded its configuration: this is of no more use.
  bool outdated() const { return outdated_; }
  // The pooler's backend has seen a reload: only the pooler can change that.
  bool lent_outdated() const { return lent_outdated_; }
  const std::string& load_time() const { return load_time_; }

 private:
  asio::awaitable<std::vector<db::Answer>> AskLent(std::vector<db::Request> requests, Deadline deadline);
  void Vouch(db::Answer answer);

  db::Session& session_;
  std::string load_time_;
  bool outdated_ = false;
  bool lent_outdated_ = false;
};

}  // namespace pgtls::postgres
