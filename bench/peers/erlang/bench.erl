%% Erlang as a peer: erlang CASE key=value... runs one case once and prints a line of JSON.
%% Exit 3: there is no such case.
-module(bench).
-behaviour(supervisor).
-export([main/0, init/1, start_failing/1]).

-define(BATCH, 1000).
-define(TAKES, 11).

main() ->
    try
        [Peer, Name | Words] = init:get_plain_arguments(),
        {N, Keys, Run} = bench(Peer, Name),
        Given = maps:from_list([option(Word, ["workers", "n" | Keys]) || Word <- Words]),
        Asked = maps:merge(#{"workers" => 1, "n" => N}, Given),
        Figures = Run(Asked),
        io:format("~s~n", [json(Peer, Name, Asked, Figures)])
    of
        ok -> halt(0)
    catch
        throw:no_case -> halt(3);
        throw:{usage, Word} -> fail(2, "~s: not a key=value that is known", [Word]);
        _:Why:Where -> fail(1, "~p ~p", [Why, Where])
    end.

fail(Code, Format, Args) ->
    io:format(standard_error, Format ++ "~n", Args),
    halt(Code).

bench("otp", "w7") -> {10000, [], fun supervised/1};
bench("erlang", Name) -> bench(Name);
bench(_, _) -> throw(no_case).

bench("w1b") -> {1000000, ["shape"], fun(O) -> spawns(O, fun() -> ok end) end};
bench("w1y") -> {1000000, ["shape"], fun(O) -> spawns(O, fun erlang:yield/0) end};
bench("w1a") -> {1000000, [], fun at_once/1};
bench("w2y") -> {5000000, [], fun yields/1};
bench("w2c") -> {1000000, [], fun hops/1};
bench("w3") -> {1000000, [], fun park/1};
bench("w4") -> {100000, [], fun cancel/1};
bench("w6") -> {100000, [], fun snapshot/1};
bench("w7") -> {1000000, [], fun respawn/1};
bench("w8") -> {1000000, ["warm"], fun sleeps/1};
bench("w9") -> {1, [], fun echo/1};
bench(_) -> throw(no_case).

option(Word, Keys) ->
    [Key | Value] = string:split(Word, "="),
    lists:member(Key, Keys) andalso Value =/= [] orelse throw({usage, Word}),
    case {Key, string:to_integer(hd(Value))} of
        {"shape", _} -> {Key, hd(Value)};
        {_, {Number, []}} when Number >= 0 -> {Key, Number};
        _ -> throw({usage, Word})
    end.

json(Peer, Name, Asked, Figures) ->
    Said = [{"case", Name}, {"peer", Peer}, {"version", version()} | maps:to_list(Asked)],
    All = Said ++ Figures ++ [{"rss_kb", status("VmHWM") div 1024}],
    ["{", lists:join(",", [io_lib:format("\"~s\":~p", [K, V]) || {K, V} <- All]), "}"].

version() ->
    Release = erlang:system_info(otp_release),
    File = filename:join([code:root_dir(), "releases", Release, "OTP_VERSION"]),
    {ok, Text} = file:read_file(File),
    string:trim(binary_to_list(Text)).

now_ns() -> erlang:monotonic_time(nanosecond).

each(Since, Count) -> (now_ns() - Since) / Count.

ms(Since) -> (now_ns() - Since) / 1.0e6.

%% User and system time of the process, in seconds.
cpu() ->
    {ok, Stat} = file:read_file("/proc/self/stat"),
    [_, Rest] = string:split(Stat, ") "),
    Fields = string:lexemes(Rest, " "),
    (binary_to_integer(lists:nth(12, Fields)) + binary_to_integer(lists:nth(13, Fields))) / 100.

%% Bytes, of a line of /proc/self/status.
status(Field) ->
    {ok, Status} = file:read_file("/proc/self/status"),
    Match = re:run(Status, "^" ++ Field ++ ":\\s*(\\d+)", [multiline, {capture, [1], list}]),
    {match, [Kb]} = Match,
    list_to_integer(Kb) * 1024.

%% W1: each task counts itself, and its monitor tells of its end.
spawns(#{"n" := N} = Asked, Then) ->
    Shape = maps:get("shape", Asked, "wait"),
    Ran = counters:new(1, [write_concurrency]),
    Task = fun() -> counters:add(Ran, 1, 1), Then() end,
    Spawn = spawner(Shape, Task),
    Spawn(?BATCH * 2),
    Before = counters:get(Ran, 1),
    Begun = now_ns(),
    Spawn(N),
    Ns = each(Begun, N),
    N = counters:get(Ran, 1) - Before,
    [{"ns_task", Ns}].

spawner("join", Task) -> fun(N) -> batches(N, fun(Size) -> join(Size, Task) end) end;
spawner("own", Task) -> fun(N) -> own(N, Task) end;
spawner("one", Task) -> fun(N) -> one(N, Task) end;
spawner(Shape, Task) when Shape =:= "wait"; Shape =:= "spawner" ->
    fun(N) -> batches(N, fun(Size) -> wait(Size, Task) end) end;
spawner(Shape, _) -> throw({usage, "shape=" ++ Shape}).

batches(N, _) when N =< 0 -> ok;
batches(N, Do) ->
    Do(min(N, ?BATCH)),
    batches(N - ?BATCH, Do).

join(Size, Task) ->
    Tasks = monitored(Size, Task),
    [receive {'DOWN', Ref, process, _, normal} -> ok end || {_, Ref} <- Tasks].

wait(Size, Task) ->
    monitored(Size, Task),
    ended(Size).

monitored(Size, Task) -> [spawn_monitor(Task) || _ <- lists:seq(1, Size)].

ended(0) -> ok;
ended(Left) -> receive {'DOWN', _, process, _, normal} -> ended(Left - 1) end.

own(N, Task) ->
    Half = fun(Part) -> fun() -> batches(Part, fun(Size) -> wait(Size, Task) end) end end,
    spawn_monitor(Half(N div 2)),
    spawn_monitor(Half(N - N div 2)),
    ended(2).

%% A monitor tells only who set it, so here the tasks tell the one that waits for both
%% spawners' batches.
one(N, Task) ->
    Waiter = self(),
    Told = fun() -> Task(), Waiter ! done end,
    Both = [spawn_link(fun() -> half(Told) end) || _ <- [1, 2]],
    batches(N div 2, fun(Size) -> together(Both, Size) end),
    [Spawner ! stop || Spawner <- Both].

together(Both, Size) ->
    [Spawner ! {spawn, Size} || Spawner <- Both],
    told(2 * Size).

half(Task) ->
    receive
        {spawn, Size} ->
            [spawn(Task) || _ <- lists:seq(1, Size)],
            half(Task);
        stop -> ok
    end.

told(0) -> ok;
told(Left) -> receive done -> told(Left - 1) end.

%% Every process is preempted, the spawner too: some of the tasks end while it spawns.
at_once(#{"n" := N}) ->
    Ran = counters:new(1, [write_concurrency]),
    many_messages(),
    Begun = now_ns(),
    spawn_all(N, fun() -> counters:add(Ran, 1, 1) end),
    ended(N),
    Ns = each(Begun, N),
    N = counters:get(Ran, 1),
    [{"ns_task", Ns}].

%% For who is sent one by each of n tasks: collections of the heap leave them alone.
many_messages() -> process_flag(message_queue_data, off_heap).

spawn_all(0, _) -> ok;
spawn_all(Left, Task) ->
    spawn_monitor(Task),
    spawn_all(Left - 1, Task).

yields(#{"n" := N}) ->
    Begun = now_ns(),
    [spawn_monitor(fun() -> yield(N div 2) end) || _ <- [1, 2]],
    ended(2),
    [{"ns_switch", each(Begun, N)}].

yield(0) -> ok;
yield(Left) ->
    erlang:yield(),
    yield(Left - 1).

hops(#{"n" := N}) ->
    Other = spawn_link(fun pong/0),
    Begun = now_ns(),
    Half = N div 2,
    Half = ping(Other, Half, 0),
    [{"ns_hop", each(Begun, N)}].

ping(_, 0, Item) -> Item;
ping(Other, Left, Item) ->
    Other ! {self(), Item},
    receive {Other, Next} -> ping(Other, Left - 1, Next) end.

pong() ->
    receive
        {From, Item} ->
            From ! {self(), Item + 1},
            pong()
    end.

%% W7: a process that fails at once is spawned again when its monitor tells.
respawn(#{"n" := N}) ->
    fails(N div 10),
    Begun = now_ns(),
    fails(N),
    [{"ns_restart", each(Begun, N)}].

fails(0) -> ok;
fails(Left) ->
    {_, Ref} = spawn_monitor(fun() -> exit(fails) end),
    receive {'DOWN', Ref, process, _, fails} -> fails(Left - 1) end.

%% The same below the supervisor of OTP, which keeps the instants of its restarts in a list and
%% looks through those of the last second at each restart. Its reports are off.
supervised(#{"n" := N}) ->
    logger:set_primary_config(level, none),
    restarts(N div 10),
    Begun = now_ns(),
    restarts(N),
    [{"ns_restart", each(Begun, N)}].

restarts(N) ->
    Told = {self(), counters:new(1, []), N},
    {ok, Supervisor} = supervisor:start_link(?MODULE, Told),
    receive restarted -> ok end,
    unlink(Supervisor),
    exit(Supervisor, shutdown).

init(Told) ->
    Failing = #{id => failing, start => {?MODULE, start_failing, [Told]}},
    {ok, {#{strategy => one_for_one, intensity => 1 bsl 40, period => 1}, [Failing]}}.

%% The last does not fail.
start_failing({Waiter, Ran, N}) ->
    {ok,
        spawn_link(fun() ->
            counters:add(Ran, 1, 1),
            counters:get(Ran, 1) =< N andalso exit(fails),
            Waiter ! restarted,
            receive never -> ok end
        end)}.

%% What a task does that only waits; the last of them to begin says so.
parker(N) ->
    Waiter = self(),
    Begun = atomics:new(1, []),
    fun() ->
        case atomics:add_get(Begun, 1, 1) of
            N -> Waiter ! all_begun;
            _ -> ok
        end,
        receive never -> ok end
    end.

all_begun() -> receive all_begun -> ok end.

park(#{"n" := N}) ->
    Task = parker(N),
    erlang:garbage_collect(),
    Rss = status("VmRSS"),
    Tables = status("VmPTE"),
    Begun = now_ns(),
    [spawn(Task) || _ <- lists:seq(1, N)],
    all_begun(),
    Ns = each(Begun, N),
    Grown = status("VmPTE") - Tables,
    [{"bytes_task", (status("VmRSS") - Rss + Grown) / N}, {"create_ns", Ns},
     {"pt_bytes_task", Grown / N}].

%% W4: a tree as supervisors make one. Who is told to end tells its children, sees each of
%% them end, and ends.
cancel(#{"n" := N}) ->
    Task = parker(N),
    Group = fun() -> supervise(100, Task) end,
    Self = self(),
    {Root, Ref} = spawn_monitor(fun() -> supervise(Self, N div 100, Group) end),
    all_begun(),
    timer:sleep(10),
    Begun = now_ns(),
    exit(Root, shutdown),
    receive {'DOWN', Ref, process, Root, shutdown} -> ok end,
    [{"cancel_ms", ms(Begun)}].

supervise(Count, Child) ->
    {parent, Parent} = process_info(self(), parent),
    supervise(Parent, Count, Child).

supervise(Parent, Count, Child) ->
    process_flag(trap_exit, true),
    Children = [spawn_link(Child) || _ <- lists:seq(1, Count)],
    receive {'EXIT', Parent, Reason} -> ok end,
    [exit(Pid, Reason) || Pid <- Children],
    [receive {'EXIT', Pid, _} -> ok end || Pid <- Children],
    exit(Reason).

%% W6: a table in the order of the paths is the registry.
snapshot(#{"n" := N}) ->
    Names = ets:new(names, [ordered_set, public]),
    Task = parker(N),
    [register_new(Names, path(G, I), Task)
     || G <- lists:seq(0, N div 100 - 1), I <- lists:seq(0, 99)],
    all_begun(),
    {First, Ms} = takes(fun() -> N = length(ets:tab2list(Names)) end),
    {_, PrefixMs} = takes(fun() -> 100 = live(Names, <<"bench/group-0/">>) end),
    [{"snapshot_ms", Ms}, {"first_ms", First}, {"prefix_us", PrefixMs * 1000}].

path(G, I) -> iolist_to_binary(io_lib:format("bench/group-~b/worker-~b", [G, I])).

register_new(Names, Path, Task) ->
    ets:insert(Names, {Path, spawn(Task), erlang:system_time(nanosecond)}).

live(Names, Prefix) -> live(Names, Prefix, ets:next(Names, Prefix), 0).

live(Names, Prefix, Path, Count) ->
    Size = byte_size(Prefix),
    case Path of
        <<Prefix:Size/binary, _/binary>> ->
            live(Names, Prefix, ets:next(Names, Path), Count + 1);
        _ -> Count
    end.

%% How long the first take was, and the median of those after it.
takes(Take) ->
    [First | Rest] = [begin Begun = now_ns(), Take(), ms(Begun) end
                      || _ <- lists:seq(0, ?TAKES)],
    {First, lists:nth(?TAKES div 2 + 1, lists:sort(Rest))}.

sleeps(#{"n" := N} = Asked) ->
    many_messages(),
    case maps:get("warm", Asked, 0) of
        0 -> ok;
        _ -> sleep_all(N)
    end,
    Used = cpu(),
    Begun = now_ns(),
    sleep_all(N),
    [{"cpu_s", cpu() - Used}, {"wall_s", ms(Begun) / 1000}].

sleep_all(N) ->
    [spawn_monitor(fun() -> receive after I * 7919 rem 1000 -> ok end end)
     || I <- lists:seq(0, N - 1)],
    ended(N).

echo(_) ->
    {ok, Listener} = gen_tcp:listen(0, [binary, {packet, raw}, {active, false},
                                        {nodelay, true}, {ip, loopback}, {backlog, 1024}]),
    {ok, Port} = inet:port(Listener),
    spawn_link(fun() -> accept(Listener) end),
    Used = cpu(),
    io:format("{\"port\":~b}~n", [Port]),
    until_eof(),
    [{"cpu_s", cpu() - Used}].

accept(Listener) ->
    {ok, Socket} = gen_tcp:accept(Listener),
    Pid = spawn(fun() -> receive yours -> serve(Socket) end end),
    ok = gen_tcp:controlling_process(Socket, Pid),
    Pid ! yours,
    accept(Listener).

%% The socket sends messages, and stops to after some, lest a fast client fill the
%% mailbox; a send that fails is followed by tcp_closed.
serve(Socket) ->
    ok = inet:setopts(Socket, [{active, 100}]),
    answer(Socket).

answer(Socket) ->
    receive
        {tcp, Socket, Bytes} ->
            gen_tcp:send(Socket, Bytes),
            answer(Socket);
        {tcp_passive, Socket} -> serve(Socket);
        {tcp_closed, Socket} -> ok;
        {tcp_error, Socket, _} -> ok
    end.

until_eof() ->
    case io:get_line("") of
        eof -> ok;
        _ -> until_eof()
    end.
