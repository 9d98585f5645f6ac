// Prometheus' HTTP API, as a source of series.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "exporter/evidence/http_config.h"
#include "exporter/evidence/series.h"

namespace pgtls::evidence {

// One connection, used again. Blocks. Redirects are not followed, no proxy is used, and answers are bounded. Errors
// (Error) have no secret.
class Prometheus : public Source {
 public:
  // `url`: where Prometheus is, http or https, with a path where it has one. Throws ConfigError: no such URL, or one
  // with a user or password, which everyone who lists the processes would read.
  Prometheus(const std::string& url, HttpConfig config);
  ~Prometheus() override;

  std::vector<Series> Query(const std::string& expression, Time at) override;
  std::vector<Series> QueryRange(const std::string& expression, TimeRange range, Duration step) override;

 private:
  class Connection;
  std::unique_ptr<Connection> connection_;
};

}  // namespace pgtls::evidence
