; That two functions of policy/places.h, which add and subtract to go through bits, do so
; for every number: each place of the result is one of those given, or follows another of
; the result. What both say follows from that by going from the lowest bit to the highest.
; tests/prove has z3 look for a number for which it is not so: `unsat`, there is none.
(set-logic QF_BV)
(declare-const places (_ BitVec 64))
(declare-const way (_ BitVec 64))
(define-fun next ((set (_ BitVec 64))) (_ BitVec 64) (bvshl set #x0000000000000001))

(define-fun along () (_ BitVec 64)
  (bvor places (bvxor (bvadd (bvand places way) way) way)))
(push)
(assert (not (= along (bvor places (next (bvand along way))))))
(check-sat)
(pop)

(define-fun from () (_ BitVec 64) (bvneg (bvand places (bvneg places))))
(push)
(assert (not (= from (bvor places (next from)))))
(check-sat)
(pop)
