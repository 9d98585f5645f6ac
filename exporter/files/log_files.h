// The server's log on this machine.
#pragma once

#include <string>
#include <vector>

#include "exporter/base/blocking.h"
#include "exporter/serverlog/follow.h"

namespace pgtls::files {

// The files that glob patterns match, and old ones beside them under longer names (x.log.1), without compressed ones.
class LogFiles : public serverlog::Source {
 public:
  LogFiles(BlockingPool& blocking, std::vector<std::string> patterns);

  asio::awaitable<std::vector<serverlog::LogFile>> List() override;
  asio::awaitable<serverlog::Piece> Read(serverlog::Position from, std::size_t most_bytes) override;

 private:
  BlockingPool& blocking_;
  std::vector<std::string> patterns_;
};

}  // namespace pgtls::files
