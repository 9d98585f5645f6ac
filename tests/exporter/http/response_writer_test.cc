#include "exporter/http/response_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/exporter/http/piece_body.h"

namespace pgtls::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> Writes(const Response& response, const Exchange& exchange) {
  std::vector<std::string> writes;
  EXPECT_TRUE(WriteResponse(response, exchange, [&](std::string_view bytes) {
    writes.emplace_back(bytes);
    return true;
  }));
  return writes;
}

TEST(ResponseWriter, SendsASmallPageInOneWrite) {
  const auto writes = Writes({.body = "up 1\n"}, {.keep_alive = true});
  ASSERT_EQ(writes.size(), 1u);
  EXPECT_THAT(writes[0], HasSubstr("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(writes[0], HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(writes[0], HasSubstr("Connection: keep-alive\r\n"));
  EXPECT_TRUE(writes[0].ends_with("\r\n\r\nup 1\n"));
}

TEST(ResponseWriter, WritesLargePiecesFromWhereTheyLie) {
  Response response;
  response.body = BodyOf({"small", std::string(1'000'000, 'x'), "end"});
  const auto pieces = response.body.Pieces();
  pieces->Next();
  const char* const large = pieces->Next().data();
  std::vector<const char*> addresses;
  std::size_t bytes = 0;
  WriteResponse(response, {}, [&](std::string_view text) {
    addresses.push_back(text.data());
    bytes += text.size();
    return true;
  });
  EXPECT_THAT(addresses, testing::Contains(large));
  EXPECT_GT(bytes, 1'000'008u);
}

TEST(ResponseWriter, LeavesALargePlainBodyToItsWriter) {
  Response large;
  large.body = BodyOf(std::vector(1'000, std::string(300, 'x')));
  const auto left = [](const Response& response, Exchange exchange) {
    Body rest;
    exchange.rest = &rest;
    std::string sent;
    for (const auto& text : Writes(response, exchange)) sent += text;
    return std::pair(sent, rest.size());
  };
  const auto [head, rest] = left(large, {});
  EXPECT_EQ(rest, 300'000u);
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
  EXPECT_THAT(head, HasSubstr("Content-Length: 300000\r\n"));
  EXPECT_EQ(left(large, {.head_only = true}).second, 0u);
  EXPECT_EQ(left(large, {.gzip = true}).second, 0u);
  EXPECT_EQ(left({.body = "small"}, {}).second, 0u);
}

TEST(BodyReader, GivesEveryByteOnceInBlocks) {
  std::string all = "head";
  std::vector<std::string> pieces;
  for (int i = 0; i < 2'000; ++i) {
    // From one byte to more than a block.
    const std::string piece(static_cast<std::size_t>(i % 100 == 0 ? 100 * i + 1 : i % 300 + 1),
                            static_cast<char>('a' + i % 26));
    all += piece;
    pieces.push_back(piece);
  }
  const Body body = BodyOf(std::move(pieces));
  BodyReader reader(body, "head");
  std::string read;
  int blocks = 0;
  for (std::string_view block = reader.Next(); !block.empty(); block = reader.Next(), ++blocks) read += block;
  EXPECT_TRUE(read == all);
  EXPECT_LT(blocks, 200);
  EXPECT_EQ(reader.Next(), "");

  const Body none;
  BodyReader only_head(none, "head");
  EXPECT_EQ(only_head.Next(), "head");
  EXPECT_EQ(only_head.Next(), "");
}

TEST(ResponseWriter, StopsAtAFailedWrite) {
  Response response;
  response.body = BodyOf(std::vector(10, std::string(100'000, 'x')));
  for (const bool gzip : {false, true}) {
    int writes = 0;
    EXPECT_FALSE(WriteResponse(response, {.gzip = gzip}, [&](std::string_view) { return ++writes < 1; }));
    EXPECT_EQ(writes, 1);
  }
}

TEST(ResponseWriter, LetsNoValueBreakTheHead) {
  Response response;
  response.headers.emplace_back("Location", "/\r\nSet-Cookie: a=b");
  const auto writes = Writes(response, {});
  EXPECT_THAT(writes[0], Not(HasSubstr("\nSet-Cookie")));
  EXPECT_THAT(writes[0], HasSubstr("Location: /  Set-Cookie: a=b\r\n"));
}

TEST(ResponseWriter, PutsTheSitesHeadersInPlaceOfItsOwn) {
  const Headers site = {{"X-Frame-Options", "sameorigin"}, {"Content-Security-Policy", ""}, {"X-XSS-Protection", "0"}};
  Response response;
  response.headers.emplace_back("Cache-Control", "max-age=5");
  const std::string head = Writes(response, {.site_headers = &site})[0];
  EXPECT_THAT(head, HasSubstr("X-Frame-Options: sameorigin\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("deny")));
  EXPECT_THAT(head, Not(HasSubstr("Content-Security-Policy")));
  EXPECT_THAT(head, HasSubstr("X-XSS-Protection: 0\r\n"));
  EXPECT_THAT(head, HasSubstr("X-Content-Type-Options: nosniff\r\n"));
  EXPECT_THAT(head, HasSubstr("Cache-Control: max-age=5\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("no-store")));
}

}  // namespace
}  // namespace pgtls::http
