#include <gtest/gtest.h>

#include "strongroom/auth/caller.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::auth {
namespace {

using ::strongroom::testing::HasReason;
using ::testing::HasSubstr;

PeerCertificate Verified() {
  PeerCertificate peer;
  peer.verified = true;
  peer.subject = "CN=app,O=bank";
  return peer;
}

StatusOr<Caller> Authenticate(const PeerCertificate& peer) {
  return Authenticator().Authenticate(peer);
}

TEST(AuthenticatorTest, TheUriNameComesFirst) {
  PeerCertificate peer = Verified();
  peer.uris = {"spiffe://bank/payments"};
  peer.dns_names = {"a.bank.example", "b.bank.example"};
  peer.common_name = "app";
  ASSERT_OK_AND_ASSIGN(Caller caller, Authenticate(peer));
  EXPECT_EQ(caller.id(), "uri:spiffe://bank/payments");
  EXPECT_EQ(caller.subject(), "CN=app,O=bank");
}

TEST(AuthenticatorTest, TheDnsNameComesSecondAndInLowerCase) {
  PeerCertificate peer = Verified();
  peer.dns_names = {"App.Bank.Example"};
  peer.common_name = "app";
  ASSERT_OK_AND_ASSIGN(Caller caller, Authenticate(peer));
  EXPECT_EQ(caller.id(), "dns:app.bank.example");
}

TEST(AuthenticatorTest, TheCommonNameComesLastAndKeepsItsCase) {
  PeerCertificate peer = Verified();
  peer.common_name = "Payments App";
  ASSERT_OK_AND_ASSIGN(Caller caller, Authenticate(peer));
  EXPECT_EQ(caller.id(), "cn:Payments App");
}

TEST(AuthenticatorTest, TwoCommonNamesAreAmbiguousWhenNothingElseNames) {
  PeerCertificate peer = Verified();
  peer.common_name = "app";
  for (size_t count : {0u, 2u, 3u}) {
    peer.common_name_count = count;
    EXPECT_THAT(Authenticate(peer),
                HasReason(Reason::kUnauthenticated, HasSubstr("common names")));
  }
  peer.uris = {"spiffe://bank/payments"};
  EXPECT_OK(Authenticate(peer));
}

TEST(AuthenticatorTest, ACertificateThatWasNotVerifiedIsRefused) {
  PeerCertificate peer = Verified();
  peer.uris = {"spiffe://bank/payments"};
  peer.verified = false;
  EXPECT_THAT(Authenticate(peer), HasReason(Reason::kUnauthenticated));
}

TEST(AuthenticatorTest, TwoUriNamesAreAmbiguous) {
  PeerCertificate peer = Verified();
  peer.uris = {"spiffe://bank/payments", "spiffe://bank/cards"};
  EXPECT_THAT(Authenticate(peer),
              HasReason(Reason::kUnauthenticated, HasSubstr("2 URI names")));
}

TEST(AuthenticatorTest, TwoDnsNamesAreAmbiguousEvenBesideACommonName) {
  PeerCertificate peer = Verified();
  peer.dns_names = {"a.bank.example", "b.bank.example"};
  peer.common_name = "app";
  EXPECT_THAT(Authenticate(peer),
              HasReason(Reason::kUnauthenticated, HasSubstr("2 DNS names")));
}

TEST(AuthenticatorTest, ACertificateWithoutNamesIsRefused) {
  EXPECT_THAT(Authenticate(Verified()),
              HasReason(Reason::kUnauthenticated, HasSubstr("names nobody")));
}

TEST(AuthenticatorTest, AnEmptyUriNameDoesNotFallBackToTheCommonName) {
  PeerCertificate peer = Verified();
  peer.uris = {""};
  peer.common_name = "app";
  EXPECT_THAT(Authenticate(peer), HasReason(Reason::kUnauthenticated));
}

TEST(AuthenticatorTest, NamesWithControlCharactersAreRefused) {
  for (std::string bad : {std::string("app\0admin", 9), std::string("a\nb"),
                          std::string("a\x7f"), std::string("a\xc2\x85")}) {
    PeerCertificate peer = Verified();
    peer.common_name = bad;
    EXPECT_THAT(Authenticate(peer),
                HasReason(Reason::kUnauthenticated, HasSubstr("control")));
  }
}

TEST(AuthenticatorTest, NamesThatAreNotUtf8AreRefused) {
  PeerCertificate peer = Verified();
  peer.common_name = "app\xff";
  EXPECT_THAT(Authenticate(peer),
              HasReason(Reason::kUnauthenticated, HasSubstr("UTF-8")));
}

TEST(AuthenticatorTest, ANameOfMoreThan512BytesIsRefused) {
  PeerCertificate peer = Verified();
  peer.uris = {std::string(512, 'a')};
  EXPECT_OK(Authenticate(peer));
  peer.uris = {std::string(513, 'a')};
  EXPECT_THAT(Authenticate(peer),
              HasReason(Reason::kUnauthenticated, HasSubstr("513 bytes")));
}

// Certificate reads a peer of this common name, and counts how often.
Credential Counted(std::string_view certificate, const std::string& name,
                   int* reads) {
  return Credential(certificate, [=] {
    ++*reads;
    PeerCertificate peer = Verified();
    peer.common_name = name;
    return peer;
  });
}

TEST(AuthenticatorTest, WithoutACredentialThereIsNoCaller) {
  EXPECT_THAT(Authenticator().Authenticate(Credential()),
              HasReason(Reason::kUnauthenticated));
}

TEST(AuthenticatorTest, ACertificateIsReadOnce) {
  Authenticator authenticator;
  int reads = 0;
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK_AND_ASSIGN(Caller caller, authenticator.Authenticate(Counted(
                                            "PEM of app", "app", &reads)));
    EXPECT_EQ(caller.id(), "cn:app");
  }
  EXPECT_EQ(reads, 1);
}

TEST(AuthenticatorTest, CertificatesThatDifferInOneByteAreNotMixedUp) {
  Authenticator authenticator;
  int reads = 0;
  ASSERT_OK(authenticator.Authenticate(Counted("PEM 1", "one", &reads)));
  ASSERT_OK_AND_ASSIGN(Caller caller, authenticator.Authenticate(
                                          Counted("PEM 2", "two", &reads)));
  EXPECT_EQ(caller.id(), "cn:two");
  ASSERT_OK_AND_ASSIGN(
      Caller again, authenticator.Authenticate(Counted("PEM 1", "", &reads)));
  EXPECT_EQ(again.id(), "cn:one");
}

TEST(AuthenticatorTest, ARefusalIsNotRemembered) {
  Authenticator authenticator;
  int reads = 0;
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(authenticator.Authenticate(Counted("PEM", "", &reads)),
                HasReason(Reason::kUnauthenticated));
  }
  EXPECT_EQ(reads, 2);
}

TEST(AuthenticatorTest, MoreCertificatesThanAreRememberedAreReadAgain) {
  Authenticator authenticator;
  int reads = 0;
  for (size_t i = 0; i <= Authenticator::kRemembered; ++i) {
    const std::string name = std::to_string(i);
    ASSERT_OK_AND_ASSIGN(
        Caller caller, authenticator.Authenticate(Counted(name, name, &reads)));
    EXPECT_EQ(caller.id(), "cn:" + name);
  }
  ASSERT_OK(authenticator.Authenticate(Counted("0", "0", &reads)));
  EXPECT_EQ(reads, static_cast<int>(Authenticator::kRemembered) + 2);
}

TEST(AuthenticatorTest, ACertificateOfManyBytesIsNotKept) {
  Authenticator authenticator;
  const std::string large(Authenticator::kMaxRememberedSize + 1, 'x');
  int reads = 0;
  ASSERT_OK(authenticator.Authenticate(Counted(large, "app", &reads)));
  ASSERT_OK(authenticator.Authenticate(Counted(large, "app", &reads)));
  EXPECT_EQ(reads, 2);
}

}  // namespace
}  // namespace strongroom::auth
