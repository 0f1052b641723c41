// Boost.Fiber on one thread, with its round robin scheduler; the fibers of Boost.Context,
// which only switch; and the assembler beneath them.
#include "../c/peer.h"

#include <boost/context/detail/fcontext.hpp>
#include <boost/context/fiber.hpp>
#include <boost/fiber/all.hpp>
#include <boost/version.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace
{
namespace fibers = boost::fibers;
namespace context = boost::context;

constexpr std::uint64_t batch_size = 1000;
// No multiple of a page: the tops of a thousand stacks would share a few sets of the
// caches, and a spawn would take twice as long.
constexpr std::size_t stack_size = 17 * 1024;

// Stacks that come and go are best taken from a pool; those that stay are not, as the
// pool writes to each when it grows, and doubles.
template <typename Stacks = fibers::pooled_fixedsize_stack, typename Fn>
fibers::fiber spawn(Fn &&fn)
{
	static Stacks stacks(stack_size);

	return {fibers::launch::post, std::allocator_arg, stacks, std::forward<Fn>(fn)};
}

// What Boost.Fiber lacks: a wait for all of a group.
class group
{
public:
	void add(std::uint64_t count) { live_ += count; }

	void done()
	{
		std::unique_lock<fibers::mutex> held(lock_);
		if (--live_ == 0)
			empty_.notify_one();
	}

	void wait()
	{
		std::unique_lock<fibers::mutex> held(lock_);
		empty_.wait(held, [this] { return live_ == 0; });
	}

private:
	fibers::mutex lock_;
	fibers::condition_variable empty_;
	std::uint64_t live_ = 0;
};

std::uint64_t ran;

void join_batch(std::uint64_t count)
{
	static std::vector<fibers::fiber> batch;

	for (std::uint64_t i = 0; i < count; i++)
		batch.push_back(spawn([] { ran++; }));
	for (auto &fiber : batch)
		fiber.join();
	batch.clear();
}

template <bool yields> void wait_batch(std::uint64_t count)
{
	group all;

	all.add(count);
	for (std::uint64_t i = 0; i < count; i++)
		spawn([&all] {
			if (yields)
				boost::this_fiber::yield();
			ran++;
			all.done();
		}).detach();
	all.wait();
}

void spawns(void (*batch)(std::uint64_t), std::uint64_t n, std::uint64_t size)
{
	batch(batch_size);
	ran = 0;
	const auto begun = peer_now();
	for (std::uint64_t left = n; left > 0; left -= std::min(left, size))
		batch(std::min(left, size));
	peer_metric("ns_task", double(peer_now() - begun) / double(n));
	peer_check(ran == n, "a fiber did not run");
}

void spawn_and_wait(std::uint64_t n)
{
	const std::string shape = peer.value;

	if (shape != "join" && shape != "wait")
		exit(3);
	spawns(shape == "join" ? join_batch : wait_batch<false>, n, batch_size);
}
void spawn_and_yield(std::uint64_t n) { spawns(wait_batch<true>, n, batch_size); }
void spawn_all(std::uint64_t n) { spawns(wait_batch<false>, n, n); }

void yields(std::uint64_t n)
{
	const auto count = peer_number(peer.value);
	if (count == 0)
		exit(3);
	const auto each = (n + count - 1) / count;
	std::vector<fibers::fiber> all;

	const auto begun = peer_now();
	for (std::uint64_t i = 0; i < count; i++)
		all.push_back(spawn([each] {
			for (std::uint64_t k = 0; k < each; k++)
				boost::this_fiber::yield();
		}));
	for (auto &fiber : all)
		fiber.join();
	peer_metric("ns_switch", double(peer_now() - begun) / double(each * count));
}

void hops(std::uint64_t n)
{
	// A capacity must be a power of two, and one slot stays empty: this holds one item.
	fibers::buffered_channel<std::uint64_t> there(2), back(2);
	const auto rounds = (n + 1) / 2;
	std::uint64_t item = 0;

	const auto begun = peer_now();
	auto ping = spawn([&] {
		for (std::uint64_t i = 0; i < rounds; i++) {
			there.push(item);
			item = back.value_pop();
		}
	});
	auto pong = spawn([&] {
		for (std::uint64_t i = 0; i < rounds; i++)
			back.push(there.value_pop() + 1);
	});
	ping.join();
	pong.join();
	peer_metric("ns_hop", double(peer_now() - begun) / double(2 * rounds));
	peer_check(item == rounds, "a hop got lost");
}

void parked(std::uint64_t n)
{
	fibers::mutex lock;
	fibers::condition_variable changed;
	bool end = false;
	std::uint64_t waiting = 0;
	group all;

	wait_batch<false>(1);
	const auto before = peer_memory_now();
	const auto begun = peer_now();
	all.add(n);
	for (std::uint64_t i = 0; i < n; i++)
		spawn<fibers::fixedsize_stack>([&] {
			std::unique_lock<fibers::mutex> held(lock);
			waiting++;
			changed.wait(held, [&] { return end; });
			held.unlock();
			all.done();
		}).detach();
	while (waiting < n)
		boost::this_fiber::yield();
	peer_parked(before, peer_now() - begun, n);
	end = true;
	changed.notify_all();
	all.wait();
}

// A round of both floors is two switches: in and out.
void resumes(std::uint64_t n)
{
	const auto rounds = (n + 1) / 2;
	std::uint64_t inside = 0;
	context::fiber fiber([&inside](context::fiber &&back) {
		for (;;) {
			inside++;
			back = std::move(back).resume();
		}
		return std::move(back);
	});

	fiber = std::move(fiber).resume();
	const auto begun = peer_now();
	for (std::uint64_t i = 0; i < rounds; i++)
		fiber = std::move(fiber).resume();
	peer_metric("ns_switch", double(peer_now() - begun) / double(2 * rounds));
	peer_check(inside == rounds + 1, "a switch got lost");
}

void jump_back(context::detail::transfer_t from)
{
	auto &inside = *static_cast<std::uint64_t *>(from.data);

	for (;;) {
		inside++;
		from = context::detail::jump_fcontext(from.fctx, nullptr);
	}
}

void jumps(std::uint64_t n)
{
	const auto rounds = (n + 1) / 2;
	std::vector<char> stack(stack_size);
	std::uint64_t inside = 0;
	auto to = context::detail::make_fcontext(stack.data() + stack.size(), stack.size(),
	                                         jump_back);

	to = context::detail::jump_fcontext(to, &inside).fctx;
	const auto begun = peer_now();
	for (std::uint64_t i = 0; i < rounds; i++)
		to = context::detail::jump_fcontext(to, nullptr).fctx;
	peer_metric("ns_switch", double(peer_now() - begun) / double(2 * rounds));
	peer_check(inside == rounds + 1, "a switch got lost");
}

const peer_case cases[] = {
        {"boost.fiber", "w1b", spawn_and_wait, 1000000, 1, "shape", "join"},
        {"boost.fiber", "w1y", spawn_and_yield, 1000000, 1, nullptr, nullptr},
        {"boost.fiber", "w1a", spawn_all, 100000, 1, nullptr, nullptr},
        {"boost.fiber", "w2y", yields, 5000000, 1, "fibers", "2"},
        {"boost.fiber", "w2c", hops, 1000000, 1, nullptr, nullptr},
        {"boost.fiber", "w3", parked, 100000, 1, nullptr, nullptr},
        {"boost.context", "w2y", resumes, 5000000, 1, nullptr, nullptr},
        {"fcontext", "w2y", jumps, 5000000, 1, nullptr, nullptr},
        {nullptr, nullptr, nullptr, 0, 0, nullptr, nullptr},
};
} // namespace

int main(int argc, char **argv)
{
	const auto version = std::to_string(BOOST_VERSION / 100000) + "." +
	                     std::to_string(BOOST_VERSION / 100 % 1000) + "." +
	                     std::to_string(BOOST_VERSION % 100);

	return peer_main(argc, argv, version.c_str(), cases);
}
