#include "exporter/http/request_head.h"

#include <gtest/gtest.h>

#include <string>

namespace pgtls::http {
namespace {

// 0: complete; -1: not yet; else the refusal.
int Outcome(const std::string& bytes) {
  const auto parsed = ParseRequestHead(bytes);
  if (!parsed) return parsed.error();
  return parsed->has_value() ? 0 : -1;
}

int OutcomeOfFields(const std::string& fields) { return Outcome("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n"); }

TEST(RequestHead, FindsWhereTheMessageEnds) {
  const std::string head =
      "POST /-/reload?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length:  5 \r\nAuthorization: Basic eDp5\r\n\r\n";
  const auto parsed = ParseRequestHead(head + "abcdeGET / HTTP");
  ASSERT_TRUE(parsed && *parsed);
  EXPECT_EQ((*parsed)->head_bytes, head.size());
  EXPECT_EQ((*parsed)->body_bytes, 5u);
  EXPECT_EQ((*parsed)->authorization, "Basic eDp5");
  EXPECT_TRUE((*parsed)->keep_alive);
  EXPECT_FALSE((*parsed)->head_only);
}

TEST(RequestHead, WaitsForTheEmptyLineAtEveryPrefix) {
  const std::string head = "HEAD / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n";
  for (std::size_t size = 0; size < head.size(); ++size) EXPECT_EQ(Outcome(head.substr(0, size)), -1) << size;
  EXPECT_EQ(Outcome(head), 0);
  EXPECT_TRUE((*ParseRequestHead(head))->head_only);
}

TEST(RequestHead, KnowsWhetherTheConnectionGoesOn) {
  const auto keeps = [](const std::string& version, const std::string& fields) {
    return (*ParseRequestHead("GET / " + version + "\r\nHost: a\r\n" + fields + "\r\n"))->keep_alive;
  };
  EXPECT_TRUE(keeps("HTTP/1.1", ""));
  EXPECT_FALSE(keeps("HTTP/1.1", "Connection: foo, Close\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.1", "Connection: keep-alive\r\nconnection: close\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.0", ""));
  EXPECT_TRUE(keeps("HTTP/1.0", "Connection: Keep-Alive\r\n"));
}

TEST(RequestHead, RefusesGarbageAtOnce) {
  EXPECT_EQ(Outcome("\x16\x03\x01"), 400);  // a TLS hello on a plain port
  EXPECT_EQ(Outcome("get / HTTP/1.1\r\n"), 400);
  EXPECT_EQ(Outcome("GET / HTTP/1.1\n"), 400);  // a bare LF ends no line
  EXPECT_EQ(Outcome("GET / HTTP/1.1\r\nA: b\nC: d"), 400);
  EXPECT_EQ(Outcome(std::string("GET /\0", 6)), 400);
}

TEST(RequestHead, RefusesRequestLines) {
  EXPECT_EQ(Outcome("GET /\r\n\r\n"), 400);
  EXPECT_EQ(Outcome("GET  HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(Outcome("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505);
  EXPECT_EQ(Outcome("GET / FTP\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(Outcome("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"), 501);
  EXPECT_EQ(Outcome("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"), 501);
  EXPECT_EQ(Outcome("GET * HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(Outcome("OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(Outcome("GET metrics HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  for (const char* target :
       {"http:/a/", "http:///metrics", "http://", "http://?x", "http://u@a/", "http://u:p@a/", "http://a\\b/",
        "http://a\"b/", "http://a<b/", "ftp://a/metrics", "//", "a:9743", "http://a/%00", "http:// a/"}) {
    const std::string line = std::string("GET ") + target + " HTTP/1.1\r\nHost: a\r\n\r\n";
    EXPECT_EQ(Outcome(line), std::string_view(target) == "//" ? 0 : 400) << target;
  }
  EXPECT_EQ(Outcome("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(Outcome("GET /\xC3\xA4 HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(Outcome("GET /metrics%00/x HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
}

std::string OriginForm(const std::string& head) {
  const auto parsed = ParseRequestHead(head);
  if (!parsed || !*parsed) return "refused";
  return (*parsed)->origin_form.value_or("as it came");
}

TEST(RequestHead, TakesTheAbsoluteForm) {
  EXPECT_EQ(OriginForm("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"), "as it came");
  EXPECT_EQ(OriginForm("GET http://db:9743/metrics?server=x HTTP/1.1\r\nHost: other\r\nX: y\r\n\r\n"),
            "GET /metrics?server=x HTTP/1.1\r\nHost: db:9743\r\nX: y\r\n\r\n");
  EXPECT_EQ(OriginForm("GET HTTPS://[::1]:9743/a//b HTTP/1.1\r\nX: y\r\nhost: other\r\n\r\n"),
            "GET /a//b HTTP/1.1\r\nHost: [::1]:9743\r\nX: y\r\n\r\n");
  EXPECT_EQ(OriginForm("HEAD http://a HTTP/1.0\r\n\r\n"), "HEAD / HTTP/1.0\r\nHost: a\r\n\r\n");
  EXPECT_EQ(OriginForm("GET http://a?x=http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
            "GET /?x=http://b/ HTTP/1.1\r\nHost: a\r\n\r\n");
  // The rules of Host stay.
  EXPECT_EQ(Outcome("GET http://a/ HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(Outcome("GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), 400);
}

TEST(RequestHead, TakesOptionsOfTheWholeServer) {
  EXPECT_EQ(OriginForm("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), "OPTIONS /* HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(OriginForm("OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n"), "OPTIONS /* HTTP/1.1\r\nHost: b\r\n\r\n");
  EXPECT_EQ(OriginForm("OPTIONS http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"), "OPTIONS / HTTP/1.1\r\nHost: b\r\n\r\n");
}

TEST(RequestHead, RefusesFields) {
  EXPECT_EQ(OutcomeOfFields("X: y\r\n"), 0);
  EXPECT_EQ(OutcomeOfFields("X : y\r\n"), 400);
  EXPECT_EQ(OutcomeOfFields(" folded\r\n"), 400);
  EXPECT_EQ(OutcomeOfFields(": y\r\n"), 400);
  EXPECT_EQ(OutcomeOfFields("no colon\r\n"), 400);
  EXPECT_EQ(OutcomeOfFields("X: \x01\r\n"), 400);
  EXPECT_EQ(OutcomeOfFields("Host: b\r\n"), 400);
  EXPECT_EQ(OutcomeOfFields("Authorization: a\r\nAuthorization: b\r\n"), 400);
  EXPECT_EQ(Outcome("GET / HTTP/1.1\r\n\r\n"), 400);  // no Host
  EXPECT_EQ(Outcome("GET / HTTP/1.0\r\n\r\n"), 0);
}

TEST(RequestHead, RefusesLengthsThatCanBeReadTwice) {
  EXPECT_EQ(OutcomeOfFields("Content-Length: 3\r\nContent-Length: 3\r\n"), 400);
  EXPECT_EQ(OutcomeOfFields("Content-Length: 3, 3\r\n"), 400);
  EXPECT_EQ(OutcomeOfFields("Content-Length: +3\r\n"), 400);
  EXPECT_EQ(OutcomeOfFields("Content-Length:\r\n"), 400);
  EXPECT_EQ(OutcomeOfFields("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), 400);
  EXPECT_EQ(OutcomeOfFields("Transfer-Encoding: chunked\r\n"), 411);
  EXPECT_EQ(OutcomeOfFields("Content-Length: 65536\r\n"), 0);
  EXPECT_EQ(OutcomeOfFields("Content-Length: 65537\r\n"), 413);
  EXPECT_EQ(OutcomeOfFields("Content-Length: 99999999999999999999999\r\n"), 413);
}

TEST(RequestHead, BoundsTheHead) {
  const std::string start = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
  const std::string fits = start + std::string(kMaxHeadBytes - start.size() - 4, 'x') + "\r\n\r\n";
  EXPECT_EQ(Outcome(fits), 0);
  EXPECT_EQ(Outcome(start + std::string(kMaxHeadBytes - start.size() - 3, 'x') + "\r\n\r\n"), 431);
  EXPECT_EQ(Outcome(start + std::string(kMaxHeadBytes, 'x')), 431);
  std::string many;
  for (int i = 0; i < 60; ++i) many += "X: y\r\n";
  EXPECT_EQ(OutcomeOfFields(many), 431);
}

}  // namespace
}  // namespace pgtls::http
