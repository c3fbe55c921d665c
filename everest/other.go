package everest

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Other makes a prompt that no skill is for: what people ask a large model.
// The gate learns from such prompts to reject, and every specialist to refuse.
// The example's key is the template that it is made of.
func Other(r *rand.Rand) Example {
	thingZH := func() string { return one(r, thingsZH...) }
	thing := func() string { return one(r, thingsEN...) }
	if r.IntN(2) == 0 {
		s := one(r, othersZH...)
		e := Example{Key: s, Lang: "zh"}
		for strings.Contains(s, "%s") {
			s = strings.Replace(s, "%s", thingZH(), 1)
		}
		e.Prompt = s
		return e
	}
	s := one(r, othersEN...)
	e := Example{Key: s, Lang: "en"}
	for strings.Contains(s, "%s") {
		s = strings.Replace(s, "%s", thing(), 1)
	}
	if r.IntN(4) == 0 {
		s = strings.ToLower(s)
	}
	if r.IntN(6) == 0 { // with a number in it, as questions of skills have
		s = fmt.Sprintf("%s (%d)", s, digits(r, 4))
	}
	e.Prompt = s
	return e
}

var thingsZH = strings.Fields(`天空 大海 相对论 量子力学 光合作用 区块链 机器学习 神经网络 操作系统 编译器 数据库 互联网 人工智能 北京 上海 广州 深圳 杭州 成都 西安 长城 故宫 黄山 长江 黄河 珠穆朗玛峰 月球 火星 太阳系 黑洞 恐龙 大熊猫 猫 狗 咖啡 茶叶 豆腐 火锅 饺子 面条 米饭 感冒 失眠 头痛 高血压 健身 跑步 游泳 瑜伽 足球 篮球 乒乓球 围棋 象棋 电影 音乐 钢琴 吉他 绘画 书法 摄影 红楼梦 西游记 三国演义 水浒传 孔子 老子 李白 杜甫 苏轼 鲁迅 爱因斯坦 牛顿 秦始皇 唐朝 宋朝 明朝 股票 基金 保险 房贷 税收 劳动合同 简历 面试 论文 报告 邮件 会议 旅行 签证 机票 酒店 手机 电脑 汽车 电动车 飞机 火车 法国 日本 美国 英国 德国 俄罗斯 印度 巴西 英语 日语 法语 数学 物理 化学 生物 历史 地理 政治 经济 哲学 心理学 环保 气候变化 新能源 芯片 半导体 云计算 容器 微服务 算法 排序算法 二叉树 爬虫 正则表达式 通货膨胀 供给侧 市场营销 品牌 创业 管理 领导力 时间管理 情绪 爱情 友谊 家庭 教育 孩子 老人 春节 中秋节 端午节 生日 婚礼 礼物`)

var thingsEN = strings.Fields(`relativity gravity photosynthesis electricity blockchain inflation democracy philosophy Paris London Tokyo Beijing Rome France Germany Brazil India Canada Mars Jupiter dinosaurs whales cats dogs coffee tea chocolate pizza bread pasta rice music jazz piano guitar painting photography football basketball tennis chess Shakespeare Einstein Newton Napoleon Python Java Rust Go Linux Docker Kubernetes databases compilers algorithms encryption the-internet computers phones cars trains aeroplanes bridges taxes mortgages stocks insurance marketing leadership management interviews meetings emails essays novels films love friendship happiness sleep stress headaches vitamins exercise yoga running swimming climate recycling energy batteries robots vaccines genetics cells atoms molecules volcanoes earthquakes oceans rivers mountains deserts forests Christmas weddings gifts children gardening cooking travel visas hotels`)

var othersZH = strings.Split(strings.TrimSpace(`
你好
您好，请问你是谁？
你是谁？
你叫什么名字？
你能做什么？
早上好
谢谢你
再见
在吗
讲个笑话
给我讲一个故事
给我讲一个关于%s的故事
介绍一下%s
请详细介绍%s
什么是%s？
%s是什么？
%s是谁？
为什么%s很重要？
%s的历史是怎样的？
%s有哪些优点和缺点？
%s和%s有什么区别？
%s和%s哪个更好？
如何学习%s？
怎样才能学好%s？
怎么治疗%s？
推荐几本关于%s的书
推荐一部电影
写一篇关于%s的文章
写一篇八百字的作文，题目是%s
写一首关于%s的现代诗
写一首歌词
帮我写一封邮件，主题是%s
帮我写一份%s的计划
帮我写一份简历
帮我翻译：我喜欢%s
把“我爱%s”翻译成英文
用英语怎么说%s？
总结一下这篇文章：%s
续写：%s
今天天气怎么样？
明天会下雨吗？
%s的首都是哪里？
%s有多少人口？
%s在哪里？
%s怎么做？
%s好吃吗？
怎么去%s？
%s多少钱？
用Python写一个%s程序
用Python实现快速排序
写一个%s的函数
这段代码有什么错误？
解释%s的原理
解释一下%s
证明勾股定理
证明根号2是无理数
求函数的导数
解方程x的平方减5x加6等于0
为什么天空是蓝色的？
天为什么是蓝的
人为什么要睡觉？
宇宙有多大？
我很难过怎么办？
我失眠了怎么办？
我想学%s，从哪里开始？
周末去哪里玩？
晚饭吃什么？
给孩子起个名字
春节有什么习俗？
请扮演一位%s老师
你喜欢%s吗？
你对%s怎么看？
列出五个关于%s的问题
%s的发明者是谁？
谁写了%s？
请问%s是什么意思？
解释成语画蛇添足
`), "\n")

var othersEN = strings.Split(strings.TrimSpace(`
Hello
Hi there
Good morning
Who are you?
What is your name?
What can you do?
Thank you
Goodbye
Tell me a joke
Tell me a story
Tell me a story about %s
Tell me about %s
What is %s?
What are %s?
Who was %s?
Who invented %s?
Why is %s important?
Why is the sky blue?
Why do we need %s?
How does %s work?
How do %s work?
How can I learn %s?
How do I make %s?
How far is it to %s?
Explain %s to a child.
Explain the difference between %s and %s.
Compare %s and %s.
Describe %s in one paragraph.
Summarise this article about %s.
Summarize the following text: %s are important.
Write an essay about %s.
Write a poem in English about %s.
Write a song about %s.
Write an email to my boss about %s.
Write a Python program for %s.
Write a function that parses %s.
Write a haiku about %s.
Fix the bug in this code.
Translate "I like %s" into Chinese.
Translate %s into French.
What is the capital of %s?
What is the population of %s?
What is the weather like today?
Will it rain tomorrow?
Where is %s?
When was %s founded?
Give me five tips about %s.
Give me ideas for %s.
List the advantages of %s.
Recommend a book about %s.
Recommend a film.
Plan a trip to %s.
What should I eat for dinner?
What is the meaning of life?
Who is the president of %s?
Who wrote Hamlet?
Prove that the square root of 2 is irrational.
Solve x^2 - 5x + 6 = 0.
Find the derivative of sin x.
What do you think about %s?
Do you like %s?
Can you help me with %s?
I feel sad today.
I cannot sleep.
My %s is broken, what now?
Review this change.
Is %s healthy?
Are %s dangerous?
Act as a teacher of %s.
Continue the story: once upon a time
`), "\n")
