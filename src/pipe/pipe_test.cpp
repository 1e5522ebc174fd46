#include <hinomi/pipe/pipe.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <thread>

namespace hinomi::pipe {
namespace {

std::vector<int> numbers(int first, int count) {
  std::vector<int> out(static_cast<std::size_t>(count));
  std::iota(out.begin(), out.end(), first);
  return out;
}

TEST(Pipe, hands_out_batches_in_the_order_of_arrival) {
  Pipe<int> pipe(10, WhenFull::drop_newest);
  EXPECT_EQ(pipe.push(numbers(0, 3)), 3u);
  EXPECT_TRUE(pipe.push(3));
  EXPECT_EQ(pipe.pop(2), numbers(0, 2));
  EXPECT_EQ(pipe.pop(10), numbers(2, 2));
}

TEST(Pipe, drops_the_newest_when_full_and_counts_them) {
  Pipe<int> pipe(4, WhenFull::drop_newest);
  EXPECT_EQ(pipe.push(numbers(0, 6)), 4u);
  EXPECT_FALSE(pipe.push(9));
  EXPECT_EQ(pipe.pop(100), numbers(0, 4));
  const Counts counts = pipe.counts();
  EXPECT_EQ(counts.pushed, 4u);
  EXPECT_EQ(counts.popped, 4u);
  EXPECT_EQ(counts.dropped, 3u);
  EXPECT_EQ(counts.highest, 4u);
}

TEST(Pipe, blocks_its_writer_until_there_is_room_and_loses_nothing) {
  Pipe<int> pipe(8, WhenFull::block);
  std::thread writer([&] {
    for (int i = 0; i < 1000; i += 25) EXPECT_EQ(pipe.push(numbers(i, 25)), 25u);
    pipe.close();
  });
  std::vector<int> got;
  for (auto batch = pipe.pop(7); !batch.empty(); batch = pipe.pop(7)) {
    EXPECT_LE(batch.size(), 7u);
    got.insert(got.end(), batch.begin(), batch.end());
  }
  writer.join();
  EXPECT_EQ(got, numbers(0, 1000));
  EXPECT_EQ(pipe.counts().dropped, 0u);
  EXPECT_LE(pipe.counts().highest, 8u);
}

TEST(Pipe, gives_what_is_left_after_close_and_then_the_end) {
  Pipe<int> pipe(4, WhenFull::block);
  pipe.push(numbers(0, 3));
  pipe.close();
  EXPECT_FALSE(pipe.at_end());
  EXPECT_EQ(pipe.push(numbers(5, 2)), 0u);
  EXPECT_EQ(pipe.pop(10), numbers(0, 3));
  EXPECT_TRUE(pipe.pop(10).empty());
  EXPECT_TRUE(pipe.at_end());
  EXPECT_EQ(pipe.counts().dropped, 2u);
}

TEST(Pipe, closing_frees_a_writer_that_waits_for_room) {
  Pipe<int> pipe(1, WhenFull::block);
  pipe.push(1);
  std::size_t taken = 99;
  std::thread writer([&] { taken = pipe.push(numbers(0, 2)); });
  pipe.close();
  writer.join();
  EXPECT_EQ(taken, 0u);
}

TEST(Pipe, closing_frees_a_reader_that_waits_for_items) {
  Pipe<int> pipe(1, WhenFull::block);
  std::thread reader([&] { EXPECT_TRUE(pipe.pop(1).empty()); });
  pipe.close();
  reader.join();
}

TEST(Pipe, pop_for_comes_back_empty_handed_without_ending_the_pipe) {
  Pipe<int> pipe(1, WhenFull::block);
  EXPECT_TRUE(pipe.pop_for(1, std::chrono::milliseconds(1)).empty());
  EXPECT_FALSE(pipe.at_end());
  pipe.push(5);
  EXPECT_EQ(pipe.pop_for(1, std::chrono::milliseconds(1)), std::vector{5});
}

TEST(Pipe, carries_things_that_can_only_be_moved) {
  Pipe<std::unique_ptr<int>> pipe(2, WhenFull::block);
  EXPECT_TRUE(pipe.push(std::make_unique<int>(7)));
  EXPECT_EQ(*pipe.pop(1).front(), 7);
}

TEST(Pipe, every_item_is_handed_out_once_with_many_writers_and_readers) {
  Pipe<int> pipe(16, WhenFull::block);
  constexpr int kEach = 2000;
  std::vector<std::thread> writers;
  for (int w = 0; w < 3; ++w)
    writers.emplace_back([&, w] {
      for (int i = 0; i < kEach; i += 10) pipe.push(numbers(w * kEach + i, 10));
    });
  std::vector<std::vector<int>> got(3);
  std::vector<std::thread> readers;
  for (auto& mine : got)
    readers.emplace_back([&] {
      for (auto batch = pipe.pop(9); !batch.empty(); batch = pipe.pop(9))
        mine.insert(mine.end(), batch.begin(), batch.end());
    });
  for (auto& writer : writers) writer.join();
  pipe.close();
  for (auto& reader : readers) reader.join();
  std::vector<int> all;
  for (auto& mine : got) all.insert(all.end(), mine.begin(), mine.end());
  std::ranges::sort(all);
  EXPECT_EQ(all, numbers(0, 3 * kEach));
}

}  // namespace
}  // namespace hinomi::pipe
