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

}  // namespace
}  // namespace strongroom::auth
