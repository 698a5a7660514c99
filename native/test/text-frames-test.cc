// Owns the tests of the framing of collected texts: every border between texts, against texts that were framed one by one.
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "../kernels/text-frames.h"
#include "check.h"

namespace hotsocket {
namespace {

using Bytes = std::vector<std::uint8_t>;

bool is_high(char16_t unit) { return unit >= 0xd800 && unit < 0xdc00; }
bool is_low(char16_t unit) { return unit >= 0xdc00 && unit < 0xe000; }

void put(Bytes& to, std::uint32_t code) {
  const auto byte = [&](std::uint32_t value) { to.push_back(static_cast<std::uint8_t>(value)); };
  if (code < 0x80) return byte(code);
  if (code < 0x800) return byte(0xc0 | code >> 6), byte(0x80 | (code & 0x3f));
  if (code < 0x10000) return byte(0xe0 | code >> 12), byte(0x80 | (code >> 6 & 0x3f)), byte(0x80 | (code & 0x3f));
  byte(0xf0 | code >> 18), byte(0x80 | (code >> 12 & 0x3f)), byte(0x80 | (code >> 6 & 0x3f)), byte(0x80 | (code & 0x3f));
}

// As V8 does it: halves without their other half become U+FFFD.
Bytes encode(const std::u16string& text) {
  Bytes bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_high(text[i]) && i + 1 < text.size() && is_low(text[i + 1])) {
      put(bytes, 0x10000 + ((text[i] - 0xd800u) << 10) + (text[i + 1] - 0xdc00u));
      ++i;
    } else {
      put(bytes, is_high(text[i]) || is_low(text[i]) ? 0xfffd : text[i]);
    }
  }
  return bytes;
}

Bytes frame_of(const Bytes& payload) {
  Bytes frame = {0x81};
  if (payload.size() < 126) frame.push_back(static_cast<std::uint8_t>(payload.size()));
  else frame.insert(frame.end(), {126, static_cast<std::uint8_t>(payload.size() >> 8), static_cast<std::uint8_t>(payload.size())});
  frame.insert(frame.end(), payload.begin(), payload.end());
  return frame;
}

void expect_frames(const std::vector<std::u16string>& texts) {
  std::u16string all;
  Bytes expected;
  for (const std::u16string& text : texts) {
    all += text;
    const Bytes frame = frame_of(encode(text));
    expected.insert(expected.end(), frame.begin(), frame.end());
  }
  const Bytes utf8 = encode(all);
  Bytes to(utf8.size() + texts.size() * TextFramer::EXTRA_BYTES);
  TextFramer framer(utf8, all.size(), to);
  for (const std::u16string& text : texts) check(framer.add(text.size()), "there is as much text");
  to.resize(framer.size());
  check(to == expected, "as framed one by one");
  check(!framer.add(1) && framer.size() == expected.size(), "no more than there is");
}

void frames_every_border() {
  expect_frames({u""});
  expect_frames({u"a", u"", u"bc"});
  expect_frames({std::u16string(125, u'x'), std::u16string(126, u'y'), std::u16string(512, u'z')});
  expect_frames({u"\u00e9", u"\u8a9e", u"\U0001f600", u"a\U0001f600"});
  const std::u16string high(1, 0xd83d), low(1, 0xde00);
  expect_frames({high, low});
  expect_frames({u"a" + high, low + u"b"});
  expect_frames({high, u"", low});
  expect_frames({high, low + high, low});
  expect_frames({high, high, low, low});
  expect_frames({low, high, u"\U0001f600"});
}

void frames_anything() {
  std::mt19937 random(1);
  const char16_t units[] = {u'a', u'b', 0xe9, 0x8a9e, 0xd83d, 0xde00, 0xd800, 0xdfff, 0xffff};
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::u16string> texts(random() % 6);
    for (std::u16string& text : texts) {
      for (std::size_t i = random() % 5; i > 0; --i) text += units[random() % std::size(units)];
    }
    expect_frames(texts);
  }
}

void refuses_what_is_not_there() {
  const Bytes utf8 = encode(u"a\U0001f600");
  Bytes to(100);
  TextFramer framer(utf8, 3, to);
  check(!framer.add(4) && framer.size() == 0, "more units than there are");
  const Bytes cut = {'a', 0xf0};
  TextFramer of_cut(cut, 3, to);
  check(!of_cut.add(3), "a character that is cut off");
  Bytes small(5);
  TextFramer narrow(utf8, 3, small);
  check(!narrow.add(3), "no room");
}

}  // namespace
}  // namespace hotsocket

int main() {
  hotsocket::frames_every_border();
  hotsocket::frames_anything();
  hotsocket::refuses_what_is_not_there();
  return 0;
}
