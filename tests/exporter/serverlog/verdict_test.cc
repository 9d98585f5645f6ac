#include "exporter/serverlog/verdict.h"

#include <gtest/gtest.h>

namespace pgtls::serverlog {
namespace {

using enum Encryption;
using Maybe = std::optional<Encryption>;

Verdict JudgeBy(Encryption said, bool certain, Maybe rule, Maybe sampled) {
  return Judge({.connection = {}, .application_name = {}, .said = said, .certain = certain, .rule = {}},
               {.rule = rule, .sampled = sampled});
}

TEST(Judge, BelievesTheServersText) {
  EXPECT_EQ(JudgeBy(kTls, true, {}, {}).encryption, kTls);
  EXPECT_EQ(JudgeBy(kGss, true, {}, {}).encryption, kGss);
  EXPECT_EQ(JudgeBy(kNone, true, {}, {}).encryption, kNone);
}

TEST(Judge, DoesNotKnowWhatMayBeForged) {
  for (const Encryption said : {kTls, kGss}) {
    const Verdict verdict = JudgeBy(said, false, {}, {});
    EXPECT_EQ(verdict.encryption, std::nullopt);
    EXPECT_FALSE(verdict.contradicted);
  }
}

TEST(Judge, ARuleOrASampleDecides) {
  EXPECT_EQ(JudgeBy(kTls, false, kTls, {}).encryption, kTls);
  EXPECT_EQ(JudgeBy(kTls, false, {}, kTls).encryption, kTls);
  EXPECT_EQ(JudgeBy(kGss, false, kGss, {}).encryption, kGss);
  EXPECT_EQ(JudgeBy(kTls, false, kTls, kTls).encryption, kTls);
  EXPECT_FALSE(JudgeBy(kTls, false, kTls, kTls).contradicted);
}

TEST(Judge, AForgedSuffixIsPlaintext) {
  for (const Verdict& verdict :
       {JudgeBy(kTls, false, kNone, {}), JudgeBy(kTls, false, {}, kNone), JudgeBy(kTls, false, kTls, kNone)}) {
    EXPECT_EQ(verdict.encryption, kNone);
    EXPECT_TRUE(verdict.contradicted);
  }
}

// Whatever the evidence: what it proves to be plaintext is never called encrypted, nor what says that it is.
TEST(Judge, NeverCallsPlaintextEncrypted) {
  const Maybe evidence[] = {std::nullopt, kNone, kTls, kGss};
  for (const Encryption said : {kNone, kTls, kGss}) {
    for (const bool certain : {false, true}) {
      for (const Maybe rule : evidence) {
        for (const Maybe sampled : evidence) {
          const Verdict verdict = JudgeBy(said, certain, rule, sampled);
          const bool plaintext = said == kNone || sampled == kNone || (!sampled && rule == kNone && said != kGss);
          if (plaintext && (certain || rule || sampled)) EXPECT_EQ(verdict.encryption, kNone);
          if (verdict.encryption != said) EXPECT_TRUE(verdict.contradicted || !verdict.encryption);
        }
      }
    }
  }
}

TEST(Judge, OneKindOfEncryptionAgainstTheOtherIsNotKnown) {
  for (const Verdict& verdict :
       {JudgeBy(kTls, true, kGss, {}), JudgeBy(kTls, true, {}, kGss), JudgeBy(kGss, true, {}, kTls)}) {
    EXPECT_EQ(verdict.encryption, std::nullopt);
    EXPECT_TRUE(verdict.contradicted);
  }
}

// hostnossl admits what GSS encrypts.
TEST(Judge, HostnosslSaysNothingOfGss) {
  EXPECT_EQ(JudgeBy(kGss, true, kNone, {}).encryption, kGss);
  EXPECT_EQ(JudgeBy(kGss, false, kNone, {}).encryption, std::nullopt);
  EXPECT_EQ(JudgeBy(kGss, false, kNone, kGss).encryption, kGss);
  EXPECT_EQ(JudgeBy(kGss, false, kNone, kNone).encryption, kNone);
}

}  // namespace
}  // namespace pgtls::serverlog
