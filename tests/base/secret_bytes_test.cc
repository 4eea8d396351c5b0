#include "strongroom/base/secret_bytes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <ostream>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/secret_arena.h"

namespace strongroom {
namespace {

// Around every size class, and beyond the largest.
const size_t kSizes[] = {1,    31,   32,    33,    63,    64,     65,
                         127,  128,  129,   255,   256,   257,    1024,
                         4096, 4097, 65535, 65536, 65537, 100000, 1 << 20};

bool AllZero(ByteView b) {
  return std::all_of(b.begin(), b.end(), [](uint8_t x) { return x == 0; });
}

void Fill(SecretBytes* s, uint8_t value) {
  MutableByteView bytes = s->ExposeMutable();
  std::fill(bytes.begin(), bytes.end(), value);
}

template <typename T>
concept Printable = requires(std::ostream& out, const T& t) {
  out << t;
};

static_assert(!std::is_copy_constructible_v<SecretBytes>);
static_assert(!std::is_copy_assignable_v<SecretBytes>);
static_assert(std::is_nothrow_move_constructible_v<SecretBytes>);
static_assert(std::is_nothrow_move_assignable_v<SecretBytes>);
static_assert(!Printable<SecretBytes>);

TEST(SecretBytesTest, NewOnesAreZeroEvenInReusedMemory) {
  for (size_t size : kSizes) {
    for (int round = 0; round < 3; ++round) {
      SecretBytes secret(size);
      ASSERT_EQ(secret.size(), size);
      EXPECT_TRUE(AllZero(secret.Expose())) << size;
      Fill(&secret, 0xA5);
    }
  }
}

TEST(SecretBytesTest, AnEmptyOneTakesNoMemory) {
  size_t before = GetSecretArenaStats().bytes_in_use;
  SecretBytes none;
  SecretBytes zero(0);
  SecretBytes copy = SecretBytes::CopyOf({});
  EXPECT_TRUE(none.empty() && zero.empty() && copy.empty());
  EXPECT_TRUE(none == zero);
  EXPECT_EQ(GetSecretArenaStats().bytes_in_use, before);
}

TEST(SecretBytesTest, MovingTakesTheBytesAlong) {
  SecretBytes a = SecretBytes::CopyOf(AsBytes("secret"));
  const uint8_t* place = a.Expose().data();
  SecretBytes b = std::move(a);
  EXPECT_EQ(b.Expose().data(), place);
  EXPECT_EQ(AsText(b.Expose()), "secret");
  SecretBytes c = SecretBytes::CopyOf(AsBytes("other"));
  c = std::move(b);
  EXPECT_EQ(AsText(c.Expose()), "secret");
}

TEST(SecretBytesTest, AMovedFromOneIsEmptyAndUsable) {
  SecretBytes a = SecretBytes::CopyOf(AsBytes("secret"));
  SecretBytes b = std::move(a);
  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move)
  a = SecretBytes::CopyOf(AsBytes("again"));
  EXPECT_EQ(AsText(a.Expose()), "again");
}

TEST(SecretBytesTest, MovingToItselfKeepsIt) {
  SecretBytes a = SecretBytes::CopyOf(AsBytes("secret"));
  SecretBytes& same = a;
  a = std::move(same);
  EXPECT_EQ(AsText(a.Expose()), "secret");
}

TEST(SecretBytesTest, EqualityIsOfLengthAndEveryBit) {
  SecretBytes a = SecretBytes::CopyOf(AsBytes("0123456789abcdef"));
  SecretBytes b = SecretBytes::CopyOf(a.Expose());
  EXPECT_TRUE(a == b);
  for (size_t bit = 0; bit < b.size() * 8; ++bit) {
    b.ExposeMutable()[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(a == b) << bit;
    b.ExposeMutable()[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  }
  b.Truncate(15);
  EXPECT_FALSE(a == b);
  EXPECT_FALSE(a == SecretBytes());
}

TEST(SecretBytesTest, TruncateWipesWhatItCutsOff) {
  SecretBytes secret(64);
  Fill(&secret, 0x5A);
  const uint8_t* place = secret.Expose().data();
  secret.Truncate(40);
  ASSERT_EQ(secret.size(), 40u);
  // Still in the same block, so it may be looked at.
  EXPECT_TRUE(AllZero({place + 40, 24}));
  EXPECT_EQ(place[39], 0x5A);
}

TEST(SecretBytesTest, TruncateNeverGrows) {
  SecretBytes secret(8);
  secret.Truncate(8);
  EXPECT_EQ(secret.size(), 8u);
  secret.Truncate(100);
  EXPECT_EQ(secret.size(), 8u);
}

TEST(SecretBytesTest, ATruncatedBlockGoesBackToItsOwnClass) {
  size_t before = GetSecretArenaStats().bytes_in_use;
  for (size_t size : kSizes) {
    SecretBytes secret(size);
    secret.Truncate(size / 3);
    Fill(&secret, 1);
  }
  EXPECT_EQ(GetSecretArenaStats().bytes_in_use, before);
}

TEST(SecretBytesTest, WipeEmptiesAndMayBeRepeated) {
  SecretBytes secret(100);
  secret.Wipe();
  EXPECT_TRUE(secret.empty());
  EXPECT_EQ(secret.Expose().data(), nullptr);
  secret.Wipe();
}

TEST(SecretBytesTest, BlocksNeverOverlap) {
  std::vector<SecretBytes> all;
  for (int round = 0; round < 40; ++round) {
    for (size_t size : kSizes) {
      if (size > 4097) continue;
      all.emplace_back(size);
      Fill(&all.back(), static_cast<uint8_t>(all.size()));
    }
  }
  for (size_t i = 0; i < all.size(); ++i) {
    for (uint8_t byte : all[i].Expose()) {
      ASSERT_EQ(byte, static_cast<uint8_t>(i + 1));
    }
  }
}

TEST(SecretArenaTest, CapacityIsTheNextPowerOfTwoOrWholePages) {
  SecretArena& arena = SecretArena::Get();
  auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  for (size_t size : kSizes) {
    SecretArena::Block block = arena.Allocate(size);
    EXPECT_GE(block.capacity, size);
    if (size <= 65536) {
      EXPECT_EQ(block.capacity & (block.capacity - 1), 0u);
      EXPECT_TRUE(block.capacity == 32 || block.capacity < size * 2);
    } else {
      EXPECT_EQ(block.capacity % page, 0u);
      EXPECT_LT(block.capacity, size + page);
    }
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block.data) % 32, 0u);
    arena.Free(block);
  }
}

TEST(SecretArenaTest, AFreedBlockIsWipedBeforeItIsHandedOutAgain) {
  SecretArena& arena = SecretArena::Get();
  SecretArena::Block first = arena.Allocate(48);
  std::fill(first.data, first.data + 48, 0xC3);
  arena.Free(first);
  SecretArena::Block second = arena.Allocate(64);
  ASSERT_EQ(second.data, first.data) << "want the block just freed";
  EXPECT_TRUE(AllZero({second.data, 64}));
  arena.Free(second);
}

TEST(SecretArenaTest, StatsCountWhatIsInUse) {
  SecretArenaStats before = GetSecretArenaStats();
  {
    SecretBytes small(33);
    SecretBytes large(65537);
    SecretArenaStats during = GetSecretArenaStats();
    size_t large_size = during.bytes_in_use - before.bytes_in_use - 64;
    EXPECT_GE(large_size, 65537u);
    EXPECT_GE(during.bytes_mapped, before.bytes_mapped + large_size);
    EXPECT_GE(during.bytes_mapped, during.bytes_in_use);
  }
  EXPECT_EQ(GetSecretArenaStats().bytes_in_use, before.bytes_in_use);
}

TEST(SecretArenaTest, ThreadsDoNotDisturbEachOther) {
  size_t before = GetSecretArenaStats().bytes_in_use;
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&wrong, t] {
      std::vector<SecretBytes> mine;
      for (int i = 0; i < 2000; ++i) {
        mine.emplace_back(static_cast<size_t>(1 + i * 7 % 300));
        if (!AllZero(mine.back().Expose())) wrong.fetch_add(1);
        Fill(&mine.back(), static_cast<uint8_t>(t + 1));
        if (mine.size() < 16) continue;
        for (uint8_t byte : mine[static_cast<size_t>(i) % 16].Expose()) {
          if (byte != t + 1) wrong.fetch_add(1);
        }
        mine.clear();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_EQ(GetSecretArenaStats().bytes_in_use, before);
}

// The words of the VmFlags line of the mapping that holds `address`.
std::set<std::string> MappingFlags(const void* address) {
  auto wanted = reinterpret_cast<uintptr_t>(address);
  std::ifstream smaps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    uintptr_t low = 0, high = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &low, &high) == 2) {
      inside = low <= wanted && wanted < high;
    }
    if (!inside || line.rfind("VmFlags:", 0) != 0) continue;
    std::istringstream words(line.substr(8));
    return {std::istream_iterator<std::string>(words), {}};
  }
  return {};
}

TEST(SecretArenaTest, MemoryIsLeftOutOfDumpsAndForkedChildren) {
  for (size_t size : {size_t{32}, size_t{100000}}) {
    SecretBytes secret(size);
    EXPECT_THAT(MappingFlags(secret.Expose().data()),
                ::testing::IsSupersetOf({"dd", "wf"}));
  }
}

TEST(SecretArenaTest, MemoryIsLockedUnlessTheStatsSayOtherwise) {
  SecretBytes secret(32);
  bool locked = MappingFlags(secret.Expose().data()).count("lo") == 1;
  EXPECT_TRUE(locked || !GetSecretArenaStats().locked);
}

// Runs `child` in a forked process; gives its exit code.
template <typename F>
int ExitCodeOfChild(F child) {
  pid_t pid = fork();
  if (pid == 0) _exit(child());
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(SecretArenaTest, AForkedChildSeesZerosAndCanGoOn) {
  SecretBytes secret = SecretBytes::CopyOf(AsBytes("do not inherit"));
  EXPECT_EQ(ExitCodeOfChild([&] {
              if (!AllZero(secret.Expose())) return 1;
              secret.Wipe();
              std::vector<SecretBytes> more;
              for (int i = 0; i < 5000; ++i) {
                more.push_back(SecretBytes::CopyOf(AsBytes("fresh")));
                if (AsText(more.back().Expose()) != "fresh") return 2;
              }
              return 0;
            }),
            0);
  EXPECT_EQ(AsText(secret.Expose()), "do not inherit");
}

TEST(SecretArenaTest, WithoutLeaveToLockItWorksAndSaysSo) {
  EXPECT_EQ(ExitCodeOfChild([] {
              rlimit none = {0, 0};
              if (setrlimit(RLIMIT_MEMLOCK, &none) != 0) return 1;
              // Root is not bound by the limit; drop to nobody.
              if (geteuid() == 0 && setuid(65534) != 0) return 2;
              SecretBytes secret(1 << 20);
              Fill(&secret, 1);
              return GetSecretArenaStats().locked ? 3 : 0;
            }),
            0);
}

TEST(EqualConstantTimeTest, LengthsAndContentsCount) {
  EXPECT_TRUE(EqualConstantTime({}, {}));
  EXPECT_TRUE(EqualConstantTime(AsBytes("abc"), AsBytes("abc")));
  EXPECT_FALSE(EqualConstantTime(AsBytes("abc"), AsBytes("abd")));
  EXPECT_FALSE(EqualConstantTime(AsBytes("abc"), AsBytes("bbc")));
  EXPECT_FALSE(EqualConstantTime(AsBytes("abc"), AsBytes("ab")));
  EXPECT_FALSE(EqualConstantTime({}, AsBytes("a")));
}

TEST(WipeTest, MemoryIsZeroAfterwards) {
  Bytes bytes(100, 7);
  WipeMemory(bytes.data(), bytes.size());
  EXPECT_TRUE(AllZero(bytes));
  WipeMemory(nullptr, 0);
}

TEST(WipeTest, AStringIsWipedUpToItsCapacity) {
  std::string text(100, 'x');
  text.resize(3);
  const char* place = text.data();
  size_t capacity = text.capacity();
  WipeString(&text);
  EXPECT_TRUE(text.empty());
  ASSERT_EQ(text.data(), place);
  // Behind the end, but the string still owns it up to its capacity.
  EXPECT_TRUE(AllZero(AsBytes(std::string_view(place, capacity))));
}

TEST(WipeTest, ShortAndEmptyStringsAreWipedToo) {
  std::string text = "short";
  WipeString(&text);
  EXPECT_TRUE(text.empty());
  WipeString(&text);
  EXPECT_TRUE(text.empty());
}

}  // namespace
}  // namespace strongroom
